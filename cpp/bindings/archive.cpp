// Archives that agents share, and what archival memory is asked.
#include "agent/archives.h"
#include "bindings/bindings.h"
#include "bindings/passages.h"

namespace memgpt {

namespace {

using Release = py::call_guard<py::gil_scoped_release>;

}  // namespace

void bind_archive(py::module_& module) {
  py::class_<ArchivalQuery>(module, "ArchivalQuery")
      .def(py::init([](int limit, int offset, std::vector<std::string> tags, bool all_tags,
                       std::vector<std::pair<std::string, std::string>> metadata,
                       std::optional<TimeUs> start, std::optional<TimeUs> end,
                       const RankingOptions& ranking, std::vector<float> vector,
                       std::optional<std::string> archive) {
             ArchivalQuery query;
             query.limit = limit;
             query.offset = offset;
             query.tags = std::move(tags);
             query.all_tags = all_tags;
             query.metadata = std::move(metadata);
             query.start = start;
             query.end = end;
             query.ranking = ranking;
             query.vector = std::move(vector);
             query.archive = std::move(archive);
             return query;
           }),
           py::arg("limit"), py::arg("offset"), py::arg("tags"), py::arg("all_tags"),
           py::arg("metadata"), py::arg("start"), py::arg("end"), py::arg("ranking"),
           py::arg("vector"), py::arg("archive"));
  py::class_<Archive, std::shared_ptr<Archive>>(module, "CoreArchive")
      .def_property_readonly("id", &Archive::id)
      .def_property_readonly("path", [](const Archive& archive) { return archive.home()->path(); })
      .def(
          "name", [](const Archive& archive) { return archive.row().name; }, Release())
      .def(
          "created_us", [](const Archive& archive) { return archive.row().created_us; }, Release())
      .def("description", &Archive::description, Release())
      .def("embedding", &Archive::embedding, Release())
      .def("size", &Archive::size, Release())
      .def("agents", &Archive::agents, Release())
      .def("rename", &Archive::rename, py::arg("name"), Release())
      .def("describe", &Archive::describe, py::arg("description"), Release())
      .def("bind", &Archive::bind, py::arg("embedder"), Release())
      .def(
          "insert_passage",
          [](Archive& archive, PassageParts item) {
            return archive.insert_passage(new_passage(std::move(item)));
          },
          py::arg("item"), Release())
      .def(
          "insert_passages",
          [](Archive& archive, std::vector<PassageParts> items, const Progress& progress) {
            return archive.insert_passages(new_passages(std::move(items)), progress);
          },
          py::arg("items"), py::arg("progress"), Release())
      .def("passage", &Archive::passage, py::arg("id"), Release())
      .def(
          "update_passage",
          [](Archive& archive, const std::string& id, std::optional<std::string> text,
             std::optional<std::vector<std::string>> tags, std::optional<std::string> metadata) {
            return archive.update_passage(id,
                                          {std::move(text), std::move(tags), std::move(metadata)});
          },
          py::arg("id"), py::arg("text"), py::arg("tags"), py::arg("metadata"), Release())
      .def("delete_passage", &Archive::delete_passage, py::arg("id"), Release())
      .def(
          "date_span",
          [](const Archive& archive, const std::string& text) {
            const auto span = archive.date_span(text);
            return std::make_tuple(span.begin, span.end, span.moment);
          },
          py::arg("text"), Release(), "As of an agent, in UTC.")
      .def(
          "search_archival",
          [](const Archive& archive, const std::string& text, const ArchivalQuery& query) {
            auto page = archive.search_archival(text, query);
            return std::make_pair(std::move(page.hits), page.total);
          },
          py::arg("text"), py::arg("query"), Release());
}

}  // namespace memgpt
