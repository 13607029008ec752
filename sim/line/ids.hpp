// SPDX-License-Identifier: Apache-2.0
// Positions in a Line's tables as types of their own, so that a machine is never taken for an
// order.
#pragma once

#include <compare>
#include <cstdint>

namespace foreline::line {

template <class Tag>
struct Id {
  std::uint32_t index = 0;
  friend auto operator<=>(const Id&, const Id&) = default;
};

using MachineId = Id<struct MachineTag>;  ///< Position in Line::machines.
using ProductId = Id<struct ProductTag>;  ///< Position in Line::products.
using OrderId = Id<struct OrderTag>;      ///< Position in the order book.

}  // namespace foreline::line
