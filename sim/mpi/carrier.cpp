// SPDX-License-Identifier: Apache-2.0
// The carrier between the processes of an MPI job. Compiled as a module that foreline loads when
// mpirun has started it, and by SimGrid's smpicxx into the bench of a simulated cluster.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <list>
#include <stdexcept>
#include <utility>

#include "sim/mpi/carrier.hpp"

namespace foreline::worker {

namespace {

class MpiCarrier : public Carrier {
 public:
  MpiCarrier() {
    int begun = 0;
    MPI_Initialized(&begun);
    if (begun == 0) MPI_Init(nullptr, nullptr);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  ~MpiCarrier() override {
    MpiCarrier::settle();
    MPI_Finalize();
  }
  MpiCarrier(const MpiCarrier&) = delete;
  MpiCarrier& operator=(const MpiCarrier&) = delete;

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }

  void send(int to, std::string bytes) override {
    if (bytes.size() > INT_MAX) throw std::length_error("a message of more than 2 GiB");
    auto& sent = sending_.emplace_back();
    sent.bytes = std::move(bytes);
    MPI_Isend(sent.bytes.data(), static_cast<int>(sent.bytes.size()), MPI_BYTE, to, 0,
              MPI_COMM_WORLD, &sent.request);
    let_go();
  }
  void settle() override {
    for (auto& sent : sending_) MPI_Wait(&sent.request, MPI_STATUS_IGNORE);
    sending_.clear();
  }
  /// Asks again and again, less and less often: MPI's own waiting takes a whole core.
  std::optional<Letter> receive(std::chrono::microseconds patience) override {
    constexpr unsigned longest_pause_us = 2000;
    unsigned pause_us = 20;
    let_go();
    for (std::chrono::microseconds waited{};; waited += std::chrono::microseconds(pause_us)) {
      int there = 0;
      MPI_Status status;
      MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &status);
      if (there != 0) {
        int size = 0;
        MPI_Get_count(&status, MPI_BYTE, &size);
        Letter letter{status.MPI_SOURCE, std::string(static_cast<std::size_t>(size), '\0')};
        MPI_Recv(letter.bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        return letter;
      }
      if (waited >= patience) return std::nullopt;
      ::usleep(pause_us);
      pause_us = std::min(2 * pause_us, longest_pause_us);
    }
  }

 private:
  struct Sent {
    MPI_Request request = MPI_REQUEST_NULL;
    std::string bytes;
  };
  void let_go() {
    sending_.remove_if([](Sent& sent) {
      int over = 0;
      MPI_Test(&sent.request, &over, MPI_STATUS_IGNORE);
      return over != 0;
    });
  }

  int rank_ = 0;
  int size_ = 1;
  std::list<Sent> sending_;
};

}  // namespace

}  // namespace foreline::worker

foreline::worker::Carrier* foreline_mpi_carrier() {
  return new foreline::worker::MpiCarrier();
}
