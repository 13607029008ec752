// SPDX-License-Identifier: Apache-2.0
// libFuzzer: the first byte chooses the parser, the second the size of the pieces.
#include <cstdint>

#include "tests/support/hostile_frames.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foreline;
  if (size < 2) return 0;
  const std::span<const std::uint8_t> bytes(data + 2, size - 2);
  const std::size_t piece = 1 + data[1];
  switch (data[0] % 3) {
    case 0:
      (void)tests::feed_client(core::FrameReader::Framing::mbap, bytes, piece);
      break;
    case 1:
      (void)tests::feed_client(core::FrameReader::Framing::rtu_answers, bytes, piece);
      break;
    default:
      tests::feed_server(bytes);
  }
  return 0;
}
