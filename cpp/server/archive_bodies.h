// What clients send to make an archive, or to change one.
#pragma once

#include <memory>
#include <string>

#include "memory/json.h"
#include "server/passage_bodies.h"

namespace memgpt {

class ServerApi;

// They throw Refusal, and errors of the kernel; then nothing was made or changed. Several archives
// may be given one name here: the kernel knows them by others.
[[nodiscard]] std::shared_ptr<Archive> create_archive(ServerApi& api, const json::object& body);
void change_archive(ServerApi& api, const std::string& id, const ArchivePlace& place,
                    const json::object& body);

}  // namespace memgpt
