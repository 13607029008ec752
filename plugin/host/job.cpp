// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/job.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <span>
#include <utility>

#include "plugin/host/console.hpp"
#include "plugin/host/interruption.hpp"
#include "sim/mpi/carrier.hpp"
#include "sim/worker/journal.hpp"

namespace foreline::host {

namespace fs = std::filesystem;

namespace {

/// How many processes the launcher says that it has started: Open MPI, then MPICH and Slurm.
int launched() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* size = std::getenv(name)) return std::atoi(size);
  return 1;
}

fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return fs::path(cache) / "foreline";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return fs::path(home) / ".cache" / "foreline";
  return fs::temp_directory_path() / "foreline";
}

}  // namespace

line::Result<Job> Job::join() {
  Job job;
  const int size = launched();
  if (size <= 1) return job;
  const auto module = worker::find_worker().parent_path() / "foreline_mpi.so";
  // MPI loads parts of its own that look for its symbols among the global ones.
  void* const loaded = ::dlopen(module.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (loaded == nullptr)
    return line::Error(fmt::format("mpirun has started {} processes, and {} cannot be loaded: {}",
                                   size, module.string(), ::dlerror()),
                       "install libopenmpi-dev and build again, or leave mpirun out");
  const auto carrier =
      reinterpret_cast<decltype(&foreline_mpi_carrier)>(::dlsym(loaded, "foreline_mpi_carrier"));
  if (carrier == nullptr)
    return line::Error(fmt::format("{} is not of this build", module.string()));
  job.carrier_.reset(carrier());
  job.rank_ = job.carrier_->rank();
  if (job.leads()) job.ranks_ = std::make_shared<worker::Ranks>(job.carrier_);
  return job;
}

int Job::work(std::string_view command, worker::Options workers) {
  workers.children = 1;
  auto client = worker::Client::start(workers);
  const bool worked =
      worker::work_for_rank_0(*carrier_, [&](std::string_view bytes) -> line::Result<std::string> {
        if (!client) return client.error();
        const auto trial = worker::trial_from(bytes);
        if (!trial) return trial.error();
        auto outcomes = client->run(std::span(&*trial, 1));
        if (!outcomes) return outcomes.error();
        return worker::to_bytes(outcomes->front());
      });
  return worked ? pass : fail(environment, command, fmt::format("rank {} gives up", rank_));
}

line::Result<line::Done> Job::share(worker::Options& workers, const std::string& journal,
                                    const std::string& what) {
  const bool several = ranks_ != nullptr;
  if (several) {
    workers.ranks = ranks_;
    if (workers.children == 0) workers.children = 1;
  }
  keeps_journal_ = !journal.empty();
  if (!several && !keeps_journal_) return line::Done{};
  fs::path path = journal;
  if (!keeps_journal_) {
    std::error_code error;
    fs::create_directories(cache_folder(), error);
    const auto key = worker::content_key(what, {});
    path = cache_folder() / fmt::format("{:016x}{:016x}.journal", key.first, key.second);
  }
  const auto simulator = workers.executable.empty() ? worker::find_worker() : workers.executable;
  auto opened = worker::Journal::open(path, simulator);
  if (!opened) return opened.error();
  journal_ = std::make_shared<worker::Journal>(std::move(*opened));
  workers.journal = journal_;
  when_interrupted(fmt::format("finished trials are in {}, and the same command goes on from there",
                               path.string()));
  return line::Done{};
}

void Job::finish() {
  if (!journal_) return;
  if (journal_->reused() > 0)
    progress(fmt::format("{} finished trials of an earlier run were taken from its journal",
                         journal_->reused()));
  if (!keeps_journal_) journal_->remove();
  when_interrupted({});
}

}  // namespace foreline::host
