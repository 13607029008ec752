// SPDX-License-Identifier: Apache-2.0
// Reasons that are offered where one is asked for. What is kept is the English, so that each reader has it in the language
// of his page; what else a person types stays as it was typed.
import { is_chinese } from "./text.js";

export const offered = {
  shelve: { "known, and being worked on": "已知，正在处理", "the spare part is on its way": "备件在途", "it comes and goes without cause": "无故反复报警" },
  service: { "the sensor is being replaced": "正在更换传感器", "the sensor is faulty": "传感器故障", "the machine is being serviced": "设备正在保养" },
  "return": { "replaced and tried": "已更换并试验", "the work is done": "工作已完成" },
  approve: { "the crew and the parts are here": "人员与备件已到位", "agreed with the shift": "已与班组商定" },
  reject: { "the crew is not free": "维修人员不空闲", "the spare part is not here": "备件未到", "an order may not wait": "订单不能等待" },
  "roll-back": { "the line does not keep it": "产线未能按此执行", "approved by mistake": "误批准" },
  clear: { "the cause was found and mended": "原因已查明并排除" },
};
const by_program = { "time is over": "已到期" };
const known = new Map(Object.entries(Object.assign({}, by_program, ...Object.values(offered))));

/** The reasons for an act, as the page says them. */
export const offers = (act) => Object.entries(offered[act]).map(([english, chinese]) => (is_chinese() ? chinese : english));

/** As it is kept. */
export const kept_as = (reason) => [...known].find(([, chinese]) => chinese === reason)?.[0] ?? reason;

/** A reason that is no person's own words, in the language of the page; else null. */
export const phrase = (reason) => (known.has(reason) ? (is_chinese() ? known.get(reason) : reason) : null);
