// SPDX-License-Identifier: Apache-2.0
#include "sim/line/line.hpp"

namespace foreline::line {

std::optional<MachineId> Line::machine_named(std::string_view wanted) const {
  for (std::uint32_t i = 0; i < machines.size(); ++i)
    if (machines[i].name == wanted) return MachineId{i};
  return std::nullopt;
}

std::optional<ProductId> Line::product_named(std::string_view wanted) const {
  for (std::uint32_t i = 0; i < products.size(); ++i)
    if (products[i] == wanted) return ProductId{i};
  return std::nullopt;
}

}  // namespace foreline::line
