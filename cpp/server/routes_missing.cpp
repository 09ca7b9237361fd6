// What the clients know and this server does not serve: each says so, instead of a 404 that would
// look like a mistake of theirs. None of it stands in the OpenAPI document.
#include "server/api.h"
#include "server/refusal.h"

namespace memgpt {

namespace {

struct Missing {
  const char* method;
  const char* path;
  const char* detail;
  int status = 501;
};

constexpr const char* kFolders = "folders, sources and their files are not served yet";
constexpr const char* kJobs = "jobs are not served: GET /v1/runs has the turns of agents";
constexpr const char* kConversations =
    "conversations are not served yet: an agent has one, at /v1/agents/{agent_id}/messages";
constexpr const char* kBackground =
    "runs in the background are not served yet: send to /v1/agents/{agent_id}/messages";
constexpr const char* kApprovals = "approvals of tool calls are not served yet";
constexpr const char* kIdentities = "identities are not served";
constexpr const char* kGroups = "groups of agents are not served yet";
constexpr const char* kTemplates = "templates and versions of agents are not served";
constexpr const char* kSchedules = "scheduled messages are not served";
constexpr const char* kProviders =
    "providers are not served: the server's environment says which models there are, and "
    "GET /v1/models lists them";
constexpr const char* kMcp = "tools of MCP servers are not served";
constexpr const char* kComposio = "tools of Composio are not served";
constexpr const char* kBatches = "batches of messages are not served";
constexpr const char* kProjects = "projects are not served";
constexpr const char* kTokens = "access tokens for clients are not served";
constexpr const char* kEnvironments = "environments are not served";
constexpr const char* kVoice = "voice agents are not served";
constexpr const char* kTelemetry =
    "traces are not kept: GET /v1/steps has what is known of each model call";
constexpr const char* kUsers = "users and organizations are not served: a home has one owner";
constexpr const char* kSandboxes = "sandboxes cannot be configured over REST";
constexpr const char* kAllMessages =
    "messages of all agents are not served: GET /v1/agents/{agent_id}/messages has those of one";
constexpr const char* kAgentSearch = "the search for agents is not served: GET /v1/agents filters";
constexpr const char* kHistory =
    "a run is a part of its agent's history, which is not deleted; POST "
    "/v1/agents/{agent_id}/messages/cancel ends one that is under way";
constexpr const char* kModify = "messages of the journal are not changed";

constexpr Missing kMissing[] = {
    {"*", "/v1/folders/*", kFolders},
    {"*", "/v1/sources/*", kFolders},
    {"*", "/v1/agents/{agent_id}/folders/*", kFolders},
    {"*", "/v1/agents/{agent_id}/sources/*", kFolders},
    {"*", "/v1/agents/{agent_id}/files/*", kFolders},
    {"*", "/v1/jobs/*", kJobs},
    {"DELETE", "/v1/runs/{run_id}", kHistory, 405},
    {"*", "/v1/runs/{run_id}/stream", kBackground},
    {"*", "/v1/runs/{run_id}/metrics", kTelemetry},
    {"*", "/v1/runs/{run_id}/trace", kTelemetry},
    {"*", "/v1/steps/{step_id}/trace", kTelemetry},
    {"*", "/v1/steps/{step_id}/transaction/{transaction_id}", kTelemetry},
    {"*", "/v1/conversations/*", kConversations},
    {"*", "/v1/agents/{agent_id}/messages/async", kBackground},
    {"PATCH", "/v1/agents/{agent_id}/messages/{message_id}", kModify, 405},
    {"*", "/v1/agents/{agent_id}/tools/approval/{tool_name}", kApprovals},
    {"*", "/v1/identities/*", kIdentities},
    {"*", "/v1/agents/{agent_id}/identities/*", kIdentities},
    {"*", "/v1/blocks/{block_id}/identities/*", kIdentities},
    {"*", "/v1/groups/*", kGroups},
    {"*", "/v1/agents/{agent_id}/groups", kGroups},
    {"*", "/v1/templates/*", kTemplates},
    {"*", "/v1/agents/{agent_id}/core-memory/variables", kTemplates},
    {"*", "/v1/agents/{agent_id}/template/*", kTemplates},
    {"*", "/v1/agents/{agent_id}/version-template", kTemplates},
    {"*", "/v1/agents/{agent_id}/migrate", kTemplates},
    {"*", "/v1/agents/{agent_id}/schedule/*", kSchedules},
    {"POST", "/v1/agents/search", kAgentSearch},
    {"*", "/v1/providers/*", kProviders},
    {"*", "/v1/mcp-servers/*", kMcp},
    {"*", "/v1/tools/mcp/*", kMcp},
    {"*", "/v1/tools/composio/*", kComposio},
    {"*", "/v1/messages/batches/*", kBatches},
    {"*", "/v1/batches/*", kBatches},
    {"GET", "/v1/messages", kAllMessages},
    {"POST", "/v1/messages/search", kAllMessages},
    {"POST", "/v1/agents/messages/search", kAllMessages},
    {"GET", "/v1/messages/{message_id}", kAllMessages},
    {"*", "/v1/projects/*", kProjects},
    {"*", "/v1/client-side-access-tokens/*", kTokens},
    {"*", "/v1/environments/*", kEnvironments},
    {"*", "/v1/voice-beta/*", kVoice},
    {"*", "/v1/telemetry/*", kTelemetry},
    {"*", "/v1/users/*", kUsers},
    {"*", "/v1/organizations/*", kUsers},
    {"*", "/v1/sandbox-config/*", kSandboxes},
};

}  // namespace

void add_missing_routes(Router& router, ServerApi& /*api*/) {
  for (const auto& missing : kMissing) {
    Route route{missing.method, missing.path, "", "",
                answering([&missing](Call&) -> ServerResponse {
                  throw Refusal(missing.status, missing.detail);
                })};
    route.is_served = false;
    router.add(std::move(route));
  }
}

}  // namespace memgpt
