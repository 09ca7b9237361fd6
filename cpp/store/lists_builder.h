// A thread that makes inverted lists over vectors, and their snapshots, while searches go on
// without.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "store/vector_files.h"

namespace memgpt {

struct ListsJob {
  VectorsKey key;
  VectorSnapshot snapshot;                   // without its lists
  std::vector<std::uint32_t> rows;           // that the lists are to be over, in order
  std::shared_ptr<const VectorLists> grown;  // that it may go on from
};

class ListsBuilder {
 public:
  // `done` runs on the thread; without lists where another process is at it, or it failed.
  using Done = std::function<void(const VectorsKey& key, VectorSnapshot made)>;
  ListsBuilder(const VectorFiles& files, Done done) : files_(files), done_(std::move(done)) {}
  // Stops soon, and leaves what is not done.
  ~ListsBuilder();
  ListsBuilder(const ListsBuilder&) = delete;
  ListsBuilder& operator=(const ListsBuilder&) = delete;

  void add(ListsJob job);
  // Waits until all that was added is done.
  void wait();
  // True in a child of the process that it works in: it must not be destroyed there.
  [[nodiscard]] bool forked() const;

 private:
  void run();
  [[nodiscard]] VectorSnapshot make(ListsJob& job);
  [[nodiscard]] bool stopping();

  const VectorFiles& files_;
  Done done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ListsJob> jobs_;
  bool working_ = false;
  bool stop_ = false;
  int process_ = 0;  // a forked child has no such thread
  std::thread thread_;
};

}  // namespace memgpt
