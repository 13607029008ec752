// SPDX-License-Identifier: Apache-2.0
// The line of line_bench.cpp in Cimba (github.com/ambonvik/cimba): buffers, breakdowns, crews, and
// the same numbers for the same draws, so that its counts must equal the event heap's.
#include <cimba.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { cycle = 1, onset = 3, repair = 5 };  // line::Purpose

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

static const uint64_t golden = 0x9e3779b97f4a7c15ULL;

static uint64_t stream_key(uint64_t seed, uint64_t machine, uint64_t purpose) {
  return mix(mix(mix(seed + golden) ^ (golden * (1 + machine))) ^ (golden * (1 + purpose) << 1));
}

static double exponential(double mean, uint64_t key, uint64_t index) {
  const uint64_t word = mix(key + golden * (index + 1));
  return -mean * log1p(-(((double)(word >> 11) + 0.5) * 0x1.0p-53));
}

struct machine {
  struct cmb_process* process;
  struct cmb_buffer* inlet;   // none at a source
  struct cmb_buffer* outlet;  // none at a sink
  struct cmb_resourcepool* crews;
  uint64_t cycles, onsets, repairs;
  uint64_t events, trips, good;
};

static uint64_t trip_index(uint64_t trip) {
  return trip < 1000 ? trip : (1ULL << 40) + trip;  // line::fault_index
}

static void* live(struct cmb_process* me, void* context) {
  (void)me;
  struct machine* m = context;
  double operated_s = 0;
  double trips_at_s = exponential(100, m->onsets, 0);
  uint64_t trip = 0;
  for (uint64_t part = 0;; ++part) {
    if (m->inlet != NULL) {
      uint64_t one = 1;
      (void)cmb_buffer_get(m->inlet, &one);
    }
    double left_s = exponential(1, m->cycles, part);
    while (left_s > 1e-6) {
      ++m->events;
      if (trips_at_s <= operated_s + 1e-6) {
        ++m->trips;
        (void)cmb_resourcepool_acquire(m->crews, 1);
        ++m->events;
        (void)cmb_process_hold(exponential(10, m->repairs, trip_index(trip)));
        cmb_resourcepool_release(m->crews, 1);
        trips_at_s = operated_s + exponential(100, m->onsets, trip_index(++trip));
        continue;
      }
      const double stretch_s = fmin(left_s, trips_at_s - operated_s);
      (void)cmb_process_hold(stretch_s);
      operated_s += stretch_s;
      left_s -= stretch_s;
    }
    if (m->outlet != NULL) {
      uint64_t one = 1;
      (void)cmb_buffer_put(m->outlet, &one);
    }
    ++m->good;
  }
}

static void end_of_run(void* subject, void* object) {
  (void)subject;
  (void)object;
  cmb_event_queue_clear();
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "Usage: %s MACHINES SECONDS [SEED]\n", argv[0]);
    return 2;
  }
  const size_t count = strtoul(argv[1], NULL, 10);
  const double horizon_s = strtod(argv[2], NULL);
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  struct timespec begun, ended;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
  cmb_logger_flags_off(CMB_LOGGER_INFO);
  cmb_random_initialize(seed);
  cmb_event_queue_initialize(0.0);
  struct cmb_resourcepool* crews = cmb_resourcepool_create();
  cmb_resourcepool_initialize(crews, "crews", count / 5 < 2 ? 2 : count / 5);
  struct machine* machines = calloc(count, sizeof *machines);
  for (size_t i = 0; i < count; ++i) {
    struct machine* m = &machines[i];
    m->crews = crews;
    m->inlet = i > 0 ? machines[i - 1].outlet : NULL;
    if (i + 1 < count) {
      m->outlet = cmb_buffer_create();
      cmb_buffer_initialize(m->outlet, "buffer", 10);
    }
    m->cycles = stream_key(seed, i, cycle);
    m->onsets = stream_key(seed, i, onset);
    m->repairs = stream_key(seed, i, repair);
    m->process = cmb_process_create();
    cmb_process_initialize(m->process, "machine", live, m, 0);
    cmb_process_start(m->process);
  }
  cmb_event_schedule(end_of_run, NULL, NULL, horizon_s, 0);
  cmb_event_queue_execute();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
  const double spent_s =
      (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
  uint64_t events = 0, trips = 0;
  for (size_t i = 0; i < count; ++i) {
    events += machines[i].events;
    trips += machines[i].trips;
  }
  printf(
      "{\"bench\": \"line\", \"engine\": \"cimba %s\", \"machines\": %zu, \"events\": %llu, "
      "\"parts\": %llu, \"trips\": %llu, \"cpu_s\": %.3f, \"events_per_s\": %.0f}\n",
      cimba_version(), count, (unsigned long long)events,
      (unsigned long long)(count > 0 ? machines[count - 1].good : 0), (unsigned long long)trips,
      spent_s, (double)events / spent_s);
  fflush(stdout);
  _Exit(0);  // the processes are still in the middle of their work
}
