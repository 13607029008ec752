// SPDX-License-Identifier: Apache-2.0
// What is fitted on days that neither GPT-2 nor trees have learned from: temperatures, whether
// trees have anything to say beside the GPT-2, and how much.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "inference/gpt2/model.hpp"
#include "inference/hazard_trees.hpp"
#include "inference/language/answers.hpp"
#include "inference/train/lessons.hpp"

namespace foreline::inference {

/// Examples to calibrate on.
class HeldOut {
 public:
  void add(const Example& example, const Lessons& lessons);
  [[nodiscard]] std::size_t size() const { return lessons_.size(); }

  /// The temperatures of `notes`, and the blend with the trees if there are any that help: fitted
  /// on half of the days, it must be likelier on the other half than the GPT-2 alone.
  void calibrate(ModelNotes& notes, const gpt2::Model& model, const Lessons& lessons,
                 const HazardTrees& trees,
                 const std::function<void(const std::string& line)>& say) const;

 private:
  struct Read {
    std::uint32_t day;
    TreeRow row;
    std::array<float, line::fault_kind_count> view_s;
  };
  std::vector<Lesson> lessons_;
  std::vector<Read> reads_;  // beside lessons_
};

}  // namespace foreline::inference
