// Runs or steps in the order of a list, over one agent or all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/api.h"

namespace memgpt {

struct Record {
  std::string agent_id;
  PlacedStep step;
};

class RecordWalk {
 public:
  // `calls`: of models; else inputs. Ids of the page are those of steps, or of runs.
  RecordWalk(ServerApi& api, std::vector<AgentRow> agents, bool calls, const Page& page);
  // The page: of the records that `passes` takes, in the page's order.
  [[nodiscard]] std::vector<Record> page(const std::function<bool(Record& record)>& passes);

 private:
  struct Place {
    TimeUs time_us = 0;
    Head head;
    std::string agent_id;
  };
  void bound(const std::string& id, bool after);
  void find_all();
  [[nodiscard]] std::optional<Record> next();

  std::shared_ptr<Journal> journal_;
  std::vector<AgentRow> agents_;
  const Page page_;
  const bool calls_;
  const bool newest_first_;  // of the walk: with `before` alone it goes away from that
  bool ended_ = false;
  StepRange range_;               // of one agent: what is not read yet
  std::vector<PlacedStep> read_;  // the next ones last
  std::vector<Place> places_;     // of several: the next one last
};

}  // namespace memgpt
