// Source texts of tools, as they came with an imported agent. They are never executed.
#include "store/export.h"
#include "store/journal.h"

namespace memgpt {

void Journal::keep_sources(const std::string& agent_id, const ToolSources& sources) {
  queue_.write([&] {
    for (const auto& [name, source] : sources) {
      if (source.empty()) continue;
      writer_db_
          .prepare("INSERT OR REPLACE INTO tool_source(agent_id, name, source) VALUES(?1, ?2, ?3)")
          .bind(agent_id, name, source)
          .run();
    }
  });
}

ToolSources Journal::tool_sources(const std::string& agent_id) {
  const auto reader = this->reader();
  auto& row =
      reader.db.prepare("SELECT name, source FROM tool_source WHERE agent_id = ?1 ORDER BY name");
  const Reset reset(row);
  row.bind(agent_id);
  ToolSources sources;
  while (row.step()) sources.emplace_back(row.text(0), row.text(1));
  return sources;
}

}  // namespace memgpt
