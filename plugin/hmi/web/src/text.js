// SPDX-License-Identifier: Apache-2.0
// English is the key; Chinese stands beside it. The trade's own terms.
const zh = {
  __proto__: null,
  // pages and frame
  "Overview": "总览", "Machine": "设备", "Alarms": "报警", "Plan": "排程", "Scenarios": "场景", "Data": "数据", "Audit": "审计",
  "Language": "语言", "Sign in": "登录", "Sign out": "退出登录", "Name": "姓名", "Password": "密码", "Cancel": "取消", "Close": "关闭", "Pages": "页面",
  "Skip to the page": "跳到正文", "read-only": "只读", "Line time": "产线时间", "{n} × real time": "{n} 倍速",
  "viewer": "查看者", "planner": "计划员", "approver": "审批人", "engineer": "工程师",
  "These pages are read-only until accounts are configured.": "未配置账户，页面为只读。",
  "The plugin does not answer. Nothing below is live.": "插件无响应。以下内容均非实时数据。",
  "The PLC does not answer. Values are the last known.": "PLC 无响应。所示为最后已知值。",
  "Times of day are those of {zone}.": "时刻均为 {zone} 时间。",
  "last read {age} ago": "最后读取于 {age} 前", "never read": "尚未读取", "stale": "过时", "live": "实时", "PLC lost": "PLC 失联", "plugin lost": "插件失联",
  "Loading": "正在加载", "The plugin does not answer.": "插件无响应。", "Sign in to look at this line.": "登录后才能查看本产线。",
  "You will be signed out": "即将退出登录", "Nobody has acted for a while. Any key or click keeps you signed in.": "已有一段时间无人操作。按任意键或点击即可保持登录。", "Stay signed in": "保持登录",
  "Every session ends after some hours. Sign in again to go on.": "每次登录数小时后都会结束。请重新登录以继续。",
  // overview
  ", ": "，", ": ": "：", "; ": "；", ".": "。",
  "The line": "产线", "buffer": "缓冲", "{n} of {all} places": "{n} / {all} 个位置", "order": "订单", "no order": "无订单", "for": "已持续",
  "Throughput": "产量", "parts/h": "件/小时", "ideal {n}": "理论 {n}", "OEE": "设备综合效率 OEE", "at {machine}, which sets the pace": "{machine}（瓶颈设备）",
  "Availability": "时间开动率", "Performance": "性能开动率", "Quality": "合格率", "Work in progress": "在制品", "parts": "件", "Good parts": "合格品",
  "What is coming": "即将发生", "Nothing is forecast above {p} within {h}.": "{h} 内没有概率高于 {p} 的预测故障。",
  "most likely in {a} to {b}": "最可能在 {a} 至 {b} 后", "now": "现在", "No alarm stands.": "当前无报警。", "Standing alarms": "当前报警", "Orders": "订单", "due": "交期",
  "{n} of {all} finished": "已完成 {n} / {all}", "waiting": "等待中", "running": "进行中", "finished": "已完成", "What happened": "事件", "No forecast": "无预测",
  "What is proposed": "方案建议", "Compare and decide": "核对并决定", "as of {t}": "基于 {t} 的状态", "{p} within {h}": "{h}内 {p}", "all {n} checks passed": "{n} 项检查全部通过",
  "Forecast": "预测", "repair, {t} left": "维修中，还需 {t}", "all": "全部", "{n} more": "另有 {n} 项",
  "draws from {names}": "取自 {names}", "begins with orders": "始于订单", "rework goes back to {name}": "返工至 {name}",
  // states
  "Execute": "运行", "Held": "故障停机", "Suspended": "等待（缺料或堵料）", "Idle": "空闲", "Stopped": "停机保养", "Resetting": "换型", "Complete": "完成",
  "Undefined": "未知", "Aborted": "已中止", "Aborting": "中止中", "Clearing": "清除中", "Starting": "启动中", "Stopping": "停止中", "Holding": "保持中",
  "Unholding": "解除保持", "Suspending": "挂起中", "Unsuspending": "解除挂起", "Completing": "完成中",
  // faults
  "bearing-wear": "轴承磨损", "tool-wear": "刀具磨损", "jam": "卡料", "motor-trip": "电机跳闸", "communication": "通信", "plc": "PLC", "data-quality": "数据质量",
  "forecast": "预测", "link": "连接", "alarm": "报警", "plan": "排程", "deploy": "下发", "deployment": "下发",
  // machine
  "Signals": "信号", "normal band": "正常范围", "not good": "质量不良", "Signal": "信号",
  "Why": "原因", "How much P(fault within {h}) falls when the signal is hidden. To the right: speaks for the fault; to the left: against it.":
    "隐去该信号后，{h} 内故障概率下降多少。向右：支持故障；向左：反对故障。",
  "No reasons yet": "暂无原因", "P(fault within {h})": "{h} 内故障概率", "Nothing yet": "暂无记录",
  "What the model read": "模型读到的文本", "Time in states": "各状态时间", "missing input": "缺失输入",
  "services and repairs": "保养与维修次数", "Choose a machine": "选择设备", "available": "可用", "not available": "不可用", "probability": "概率",
  "expected readings while it runs, P10 to P90, and P50": "运行时的预期读数 P10–P90 及 P50", "time of the fault if it comes within {h}: P10 to P90, and P50": "若 {h} 内发生故障，其时间 P10–P90 及 P50", "outside its normal band": "超出正常范围", "in {t}": "{t} 后",
  "Of ten readings taken while the machine runs, eight are expected between P10 and P90, whatever breaks down. Reckoned from this signal's own last 48 h: its level, and how far readings have been from the level before them. It knows of no fault, so that readings leave it where a machine wears; it looks as far ahead as a third of what was seen, 4 h at most.":
    "无论期间发生何种故障，设备运行时每十个读数预计有八个落在 P10 与 P90 之间。由该信号自身最近 48 小时推算：当前水平，以及以往读数与其之前水平的偏差。它不考虑故障，设备磨损时读数会超出此带；最远预看已观察时长的三分之一，至多 4 小时。",
  "Breakdowns and maintenance": "故障与维修", "breakdown and repair": "故障与修复", "breakdown, not over": "故障中", "service or repair that was not watched": "未观察到的保养或维修", "{t} altogether": "共 {t}",
  "MTBF, running time": "平均故障间隔 MTBF（运行时间）", "MTTR, waiting for a crew included": "平均修复时间 MTTR（含等待班组）", "no breakdown yet": "尚无故障", "watched": "观察范围", "since {t}": "自 {t} 起", "{t} of running": "运行 {t}", "took": "用时", "ran before": "此前运行", "forecast before it": "事前预测",
  "Which fault it was and which crew repaired it are not in the PLC's registers; the forecast that stood is told instead.": "PLC 寄存器中没有故障种类和维修班组，故列出当时的预测。",
  "Health of model and data": "模型与数据状况", "made at": "作出于", "{t} ago": "{t} 前", "none was made yet": "尚未作出", "drifting inputs": "漂移的输入", "language {n}": "词汇版本 {n}", "file of": "文件日期", "judged on": "评估于", "trained on": "训练数据", "its card, on the data page": "见数据页的模型卡", "Alarms and forecasts": "报警与预测",
  // alarms
  "Priority": "优先级", "State": "状态", "Since": "自", "Class": "类别", "Text": "说明", "Acknowledge": "确认", "Shelve": "搁置", "Filter": "筛选",
  "unacknowledged": "未确认", "acknowledged": "已确认", "returned-unacknowledged": "已恢复未确认", "shelved": "已搁置", "out-of-service": "停用", "normal": "正常",
  "raised": "触发", "cleared": "恢复", "unshelved": "取消搁置", "Minutes": "分钟", "Reason": "原因", "Shelve the alarm": "搁置报警", "Unshelve": "取消搁置",
  "Out of service": "停用", "Return to service": "恢复使用", "Take the alarm out of service": "停用报警", "Return the alarm to service": "恢复报警使用", "Take an alarm out of service": "停用某个报警", "in-service": "恢复使用", "Alarm load": "报警负荷",
  "after ISA-18.2 and IEC 62682, {a} to {b} ({t}), for one operator": "按 ISA-18.2 与 IEC 62682，{a} 至 {b}（{t}），以一名操作员计", "recommended": "建议值", "Predictions": "预测", "Prediction": "预测", "together": "合计",
  "in 10 min, mean": "每 10 分钟平均", "1; 2 are manageable": "1；2 次以内可控", "in 10 min, most": "10 分钟内最多", "10 at most": "不超过 10", "share of the time in flood": "报警泛滥时间占比", "below 1 %": "低于 1 %", "stale: stand for over 24 h": "陈旧：持续超过 24 小时", "chattering: 3 or more in a minute": "抖动：1 分钟内 3 次以上", "low / medium / high, %": "低 / 中 / 高，%", "over": "超出",
  "Most frequent": "最频繁", "share": "占比", "last {t}": "最近 {t}", "Show all": "显示全部", "No alarm is so.": "没有符合条件的报警。", "{n} of {all}": "{n} / {all}",
  "critical": "紧急", "high": "高", "medium": "中", "low": "低", "Actions": "操作", "expected in {t}": "预计 {t} 后", "Alarm": "报警", "Journal": "日志", "Time": "时间", "shelved until {t}": "搁置至 {t}",
  // plan
  "Proposal {n}": "方案 {n}", "No plan yet": "尚无排程方案", "A plan is made when a forecast alarm is raised, or when you ask for one.": "预测报警触发时自动排程，也可手动请求。",
  "Ask for a plan": "请求排程", "simulating: {done} of {all} futures": "仿真中：{done} / {all} 个未来", "Approve": "批准", "Reject": "拒绝",
  "proposed": "待审批", "refused": "未通过闸门", "rejected": "已拒绝", "lapsed": "已过期", "deploying": "下发中", "confirmed": "已回读确认", "failed": "失败", "planning": "排程中", "none": "无",
  "approved": "已批准", "The gate": "闸门", "passed": "通过", "Check": "检查项", "Found": "结果", "Result": "结论",
  "gain": "收益", "better": "更优概率", "tail": "最差情形", "input": "输入完整性", "stability": "稳定性", "hold-off": "间隔", "audit": "审计",
  "Compared on the same futures": "在同一组未来上比较", "Measure": "指标", "running schedule": "现行排程", "this proposal": "本方案", "difference": "差值", "mean and 95 % interval": "均值与 95 % 区间",
  "Schedules that were weighed": "备选排程", "Schedule": "排程", "Cost": "成本", "orders late": "迟交订单", "Before and after": "前后对比", "by machine": "按设备", "by order": "按订单", "Before": "调整前", "After": "调整后",
  "Zoom in": "放大", "Zoom out": "缩小", "whole": "全部", "work": "加工", "changeover": "换型", "service": "保养", "repair": "维修", "waiting-for-crew": "等待维修人员",
  "downtime": "停机时间", "throughput": "产量", "orders-late": "迟交订单", "tardiness": "拖期", "makespan": "完工时间", "breakdowns": "故障次数", "services": "保养次数",
  "mean gain": "平均收益", "better in {p} of {n} futures": "在 {n} 个未来中 {p} 更优", "Earlier plans": "历史方案", "one future of each": "各取一个未来",
  "First step: compare": "第一步：核对", "Old sequence": "原顺序", "New sequence": "新顺序", "Old services": "原保养", "New services": "新保养", "at {t}": "于 {t}", "before {order}": "在 {order} 之前",
  "Why do you approve?": "批准理由", "Why do you reject?": "拒绝理由", "Second step: write to the PLC": "第二步：写入 PLC", "Second step: reject": "第二步：拒绝", "This writes to the PLC at {plc} and reads it back.": "将写入 PLC {plc} 并回读核对。",
  "The first step is good for {s} s.": "第一步 {s} 秒内有效。", "Only an approver decides.": "仅审批人可决定。", "waits for a person: {t} left": "等待人工决定：剩余 {t}", "moved": "有变动",
  "Roll back": "回退", "Show what changes": "显示变更", "Why is it rolled back?": "回退理由", "Deployed schedule": "已下发的排程", "promised gain": "承诺收益", "realised gain": "实际收益", "last window": "最近窗口",
  "at least {n} (95 % sure)": "至少 {n}（95 % 把握）", "Clear": "解除", "Why may schedules be deployed again?": "为何可以重新下发排程？",
  "Orders that have started stay where they are; the rest runs as before the deployment. After that nothing is deployed until a person clears it.": "已开工的订单保持不动，其余恢复到下发前。此后须由人员解除锁定才能再次下发。",
  "A schedule was rolled back: nothing is deployed until a person clears this.": "排程已回退：由人员解除前不再下发。", "{broken} of {judged} deployments gained less than was promised.": "{judged} 次下发中有 {broken} 次收益低于承诺。",
  "{who} wants it against the gate; a second person must agree.": "{who} 要求越过闸门下发；须第二人同意。", "Two people may deploy it against the gate.": "两人共同同意可越过闸门下发。",
  "Why orders are late": "订单为何迟交", "No order is late in either.": "两者均无迟交订单。", "No order is late.": "无迟交订单。", "late by": "迟交", "because of": "原因", "its own work": "自身加工时间", "released too late": "释放过晚", "{t} behind {orders}": "排在 {orders} 之后 {t}",
  "frozen until": "冻结至", "Rush {o}: next after those that have started": "插单 {o}：排在已开工订单之后", "target {p}": "目标 {p}", "target {n}, ideal {m}": "目标 {n}，理论 {m}", "below target": "低于目标",
  "What runs now": "当前运行", "planned": "原计划", "closed": "非工作时间", "start, P10 to P90": "开工 P10–P90", "later than {t}": "晚于 {t}", "{n} futures from the line's state at {t}": "从产线时间 {t} 的状态出发的 {n} 个未来",
  "being simulated": "仿真中", "what comes is not simulated yet": "后续尚未仿真", "finish as planned at {t}": "{t} 时计划的完工", "later than planned": "比计划晚", "bars: one future of each; P10 to P90 of {n}": "条形：各取一个未来；P10–P90 取自 {n} 个未来",
  "{order} stays where it is.": "{order} 位置不变。", "{order} is at place {n} of {all} now.": "{order} 现为第 {n} 位，共 {all} 位。", "{order}: place {n} of {all}": "{order}：第 {n} 位，共 {all} 位", "{order} is picked up: arrows move it, Space drops it, Escape leaves it.": "已选中 {order}：箭头移动，空格放下，Esc 取消。",
  "{order} cannot be moved: {why}.": "{order} 不可移动：{why}。", "{order} cannot go before {other}: {why}.": "{order} 不可排在 {other} 之前：{why}。", "frozen until {t}": "冻结至 {t}", "Drag orders between others, and services and faults to another time, by hand or by keys.": "用手或按键将订单拖到其他订单之间，将保养和故障拖到其他时间。", "{what} of {machine}": "{machine} 的{what}", "{what} begins at {t} now.": "{what}现于 {t} 开始。",
  "{what} is picked up: left and right move it by 5 min, up and down to the next operation, Space drops it, Escape leaves it.": "已选中{what}：左右键移动 5 分钟，上下键移到相邻工序，空格放下，Esc 取消。", "Drawn by mean times; simulate to know.": "按平均时间绘制，须经仿真确认。", "not simulated": "未经仿真",
  "Cancelled: there is no result.": "已取消，没有结果。", "P(better)": "更优概率", "What machines do with their time": "设备时间分配", "utilisation": "利用率", "blocked": "堵料", "starved": "缺料", "down": "故障停机", "set-up": "换型与保养", "never late": "从不迟交", "in {n} of {all} futures, by {t}": "{all} 个未来中 {n} 个，迟 {t}", "turn": "等待轮次",
  "Registers": "寄存器", "Holding register": "保持寄存器", "holds now": "当前内容", "in force": "生效值", "new": "新值", "limits": "上下限", "by whom": "限制来源", "outside": "超限", "equal": "一致", "differs": "不一致", "in force, read back": "回读的生效值", "Read back from the PLC": "PLC 回读结果",
  "{n} registers that are not used": "{n} 个未使用的寄存器", "{n} registers that stay as they are": "{n} 个保持不变的寄存器", "Registers that will be written": "将写入的寄存器", "read from the PLC at {t}; words without unit unless said": "于 {t} 读自 PLC；未注明者无单位",
  "What will be read back": "将回读的内容", "holding {a} to {b}: must be {what}": "保持寄存器 {a} 至 {b}：必须为{what}", "holding {a}: must be {what}": "保持寄存器 {a}：必须为{what}", "what was staged": "所写入的内容", "the commit number": "提交编号", "0, for accepted": "0（已接受）",
  "at a time": "定时", "before an order": "订单之前", "orders in the sequence": "顺序中的订单数", "order at place": "顺序位订单", "machine of service": "保养设备", "kind of service": "保养方式", "upper word of the time [s] of service": "保养时间 [s] 高字", "lower word of the time [s] of service": "保养时间 [s] 低字",
  "order of service": "保养对应订单", "not used": "未使用", "checksum": "校验和", "commit number": "提交编号", "the order book": "订单簿", "orders that have started or are frozen": "已开工或冻结的订单", "the line": "产线", "the block's layout": "数据块格式", "the deployment's protocol": "下发协议",
  // what-if
  "What if": "假设分析", "WHAT-IF · not live": "假设分析 · 非实时", "Sequence": "顺序", "frozen": "已开工", "Move {o} up": "上移 {o}", "Move {o} down": "下移 {o}", "Undo": "撤销", "Redo": "重做", "Start again": "重来",
  "Simulate": "仿真", "Add a service": "添加保养", "Add a fault": "添加故障", "in minutes": "分钟后", "Repair crews": "维修班组", "places behind": "后方缓冲位", "time a part": "单件时间", "Futures": "未来数", "Remove": "移除",
  "Sign in as planner or engineer to simulate.": "以计划员或工程师身份登录后可仿真。", "as it runs": "现状", "what if": "假设", "on time": "准时率", "finish, P10 to P90": "完工 P10–P90", "better in {n} of {all} futures": "{all} 个未来中 {n} 个更优",
  "Order": "订单", "Services": "保养", "Faults": "故障", "Line": "产线", "From the line's state at {t}, seed {s}.": "从 {t} 的产线状态出发，种子 {s}。", "no change": "无改动",
  // scenarios
  "{t} to go": "还需 {t}", "could not run": "无法运行", "Play": "播放", "Pause": "暂停", "begins": "开始于", "stops the machine": "停机于", "prevented": "已避免",
  "This seed has no trace: {end}.": "该种子没有轨迹：{end}。", "{n} seeds": "{n} 个种子", "by": "执行人", "Expectations": "期望", "File line": "文件行", "Expected": "期望内容",
  "Held on": "成立", "Got, on the worst seed": "最差种子的结果", "Again": "重跑", "wanted": "要求", "seed": "种子", "Replay of seed {s}": "重放种子 {s}", "Measures, 95 % intervals": "指标与 95 % 区间",
  "mean": "平均", "95 % interval": "95 % 区间", "The configuration names no folder of scenario files ([hmi] scenarios).": "配置中没有场景文件夹（[hmi] scenarios）。",
  "simulated; the plant is not touched": "仅仿真，不触及现场", "Sign in as planner or engineer to run one.": "以计划员或工程师身份登录后可运行。", "{what}: {done} of {all}": "{what}：{done} / {all}",
  "File": "文件", "Scenario": "场景", "Seeds": "种子数", "Last result": "上次结果", "Run": "运行", "not run yet": "尚未运行",
  // data and audit
  "No data yet": "暂无数据", "Calibration": "校准", "forecast probability": "预测概率", "share that failed": "实际故障比例", "said": "预测", "came": "实际", "on judged days": "评估日", "on this plant": "本产线",
  "Measured": "测量于", "Forecasts": "预测数", "calibration error": "校准误差", "the model has no evaluation beside it": "模型旁没有评估文件", "no forecast is old enough to be judged": "还没有到期可评判的预测",
  "The gate believes forecasts whose calibration error is at most {e}; this plant's own record counts from {n} faults on.": "闸门只采信校准误差不超过 {e} 的预测；发生 {n} 次故障后采用本产线自己的记录。",
  "Who wins": "方法比较", "{n} simulated days that no method had seen": "{n} 个各方法均未见过的仿真日", "Warned in time": "及时预警", "all faults": "全部故障", "false alarms a machine-week": "每台周误报", "Brier score, any within {h}": "Brier 评分（{h} 内任一故障）", "median lead": "提前量中位数",
  "GPT-2 and trees": "GPT-2 与提升树", "GPT-2 alone": "仅 GPT-2", "boosted trees": "梯度提升树", "mean of both": "两者平均", "signal threshold": "信号阈值", "CUSUM": "累积和控制图", "age-only hazard": "仅按役龄的风险", "Brier score {b}; of base rates {c}: skill {s}.": "Brier 评分 {b}；基准率 {c}；技巧评分 {s}。",
  "Points more than {method} (95 %)": "比{method}多的百分点（95 % 区间）",
  "Inputs": "输入", "hourly mean of good samples while the machine works, less normal, in deviations of its noise": "设备运行时良好采样的每小时均值减正常值，以噪声标准差计", "the last week": "最近一周", "since the plugin began, as the configuration names no store": "自插件启动起（配置中没有 store）", "Drift": "漂移", "last {n} h": "最近 {n} 小时", "drifts": "漂移", "Marked when the last {n} h differ from those before by more than three times their spread.": "最近 {n} 小时与之前相差超过其离散度三倍时标记。",
  "since {t}: {n} instants of the sampling grid, {lost} of them not read": "自 {t} 起：采样网格共 {n} 个时刻，其中 {lost} 个未读到", "did not arrive": "未到达", "out of range": "超量程", "bad sensor or device": "传感器或\u200b设备故障", "stuck": "卡滞", "outliers (spikes)": "离群（尖峰）", "gaps": "缺口", "longest, from": "最长，起于",
  "Of the link: {late} late and {twice} second answers, thrown away. Stuck: one value for longer than the noise of the sensor allows. Outliers: more than six deviations from the median of eleven readings before, while the machine runs; spikes: the next was back. Gaps: longer than three sample periods without a good sample.":
    "连接：迟到响应 {late} 个、重复响应 {twice} 个，均已丢弃。卡滞：同一数值持续得比传感器噪声所允许的更久。离群：设备运行时偏离此前十一个读数的中位数超过六个偏差；尖峰：下一个读数即恢复。缺口：超过三个采样周期没有良好采样。",
  "Bars: 95 % intervals (Wilson) of what came, with only as many forecasts as do not overlap in time.": "竖线：实际比例的 95 % 区间（Wilson），只计时间上互不重叠的预测数。", "Figures": "数值", "Its card: made of what, and when it can be believed": "模型卡：由何数据训练、何时可信",
  "Drift of the calibration": "校准漂移", "said less came, in points; {n} periods": "预测减实际（百分点）；{n} 个时段", "until": "截至", "forecasts are judged every four hours of line time, and kept where the configuration names a store": "预测每四小时产线时间评判一次，配置了 store 时予以保存",
  "Samples": "采样数", "good": "良好", "Good": "良好", "The link": "连接", "The model": "模型", "polls": "轮询", "requests": "请求", "timeouts": "超时", "exceptions": "异常响应", "malformed": "格式错误", "late": "迟到响应",
  "Who": "人员", "What": "动作", "Detail": "详情", "Hash": "哈希", "Number": "编号", "the chain of {n} lines is whole": "共 {n} 行，哈希链完整", "The audit is broken": "审计链已断裂", "No audit is kept: the configuration names no store.": "未保存审计：配置中没有 store。",
  "identity": "身份一致", "futures": "未来数量", "model error": "模型误差", "skill": "预测技巧", "twin": "仿真与现场一致", "state": "状态时效", "counts": "计数一致", "freeze": "冻结区", "starts": "开工偏移", "way back": "可回退", "ledger": "承诺记录",
  "scrap": "废品", "lead-time": "通过时间", "work-in-process": "在制品", "energy": "能耗", "rework": "返工", "oee": "OEE",
  "duplicates": "重复响应", "overruns": "超时轮询",
  "signed in": "登录", "signed out": "退出登录", "sign-in refused": "登录被拒", "reason": "原因", "asked for a plan": "请求排程", "asked what if": "假设分析", "cancelled a what-if": "取消假设分析", "ran a scenario": "运行场景", "cancelled a scenario": "取消场景运行",
  "alarm shelved": "搁置报警", "alarm unshelved": "取消搁置", "alarm out of service": "停用报警", "alarm in service": "恢复报警", "promised": "已承诺", "writing": "写入", "staged": "已暂存", "committed": "已提交", "active": "已生效",
  "started": "开始", "signed": "已签字", "settled": "已结算", "rolled-back": "已回退", "rolled back": "已回退", "rolling back": "回退中", "recovered": "已恢复", "not-wanted": "无需排程", "written": "已写入", "conflict": "写入冲突",
  "write begun": "开始写入", "write written": "已写入", "write refused": "写入被拒", "write failed": "写入失败", "write conflict": "写入冲突", "roll-back refused": "回退被拒", "roll-back failed": "回退失败", "clearing": "清除", "echoed": "已回显", "run ended": "运行结束", "forecasts judged": "预测已评判", "simulation compared": "仿真已比对",
  "off shift": "非工作时间", "air-leak": "漏气", "belt-slip": "皮带打滑", "controller-fault": "控制器故障", "filter-clogging": "滤网堵塞", "gear-wear": "齿轮磨损", "imbalance": "不平衡", "lubrication-loss": "润滑失效", "misalignment": "不对中", "overheating": "过热", "power-dip": "电压跌落", "valve-stiction": "阀门卡涩", "winding-short": "绕组短路",
  "Verify again": "重新校验", "Read again": "刷新", "Search": "搜索", "Sign in to read the audit.": "登录后可查看审计。",
  "Uncertain_LastKnown": "不确定·最后值", "Uncertain_OutOfRange": "不确定·超量程", "Bad_NotConnected": "坏·未连接", "Bad_CommFailure": "坏·通信故障", "Bad_Stale": "坏·过时", "Bad_Config": "坏·配置", "Bad_DeviceFailure": "坏·设备故障", "Bad_SensorFailure": "坏·传感器故障", "Bad_OutOfService": "坏·停用",
  "from": "自", "until, by the clock": "至（时钟）", "for so long": "时长", "result": "结果", "cost if kept": "保持现行的成本", "parts made": "实际件数", "parts simulated": "仿真件数", "squared error": "平方误差", "proposal": "方案",
  "this plant": "本厂",
  "points": "个百分点",
  "stops": "次",
  "kWh": "千瓦时",
  "change": "有改动", "schedule": "排程有效", "simulation": "仿真有效", "write": "写入许可",
};

// Also where there is no page, in tests.
const stored = globalThis.localStorage?.getItem("language");
let chosen = stored ?? (globalThis.navigator?.language?.startsWith("zh") ? "zh" : "en");
if (globalThis.document) document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";

export const language = () => (chosen === "zh" ? "zh-CN" : "en-GB");
export const is_chinese = () => chosen === "zh";

export function choose(name) {
  chosen = name;
  globalThis.localStorage?.setItem("language", name);
  if (globalThis.document) document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
}

/** Whether a text of the pages has its Chinese. */
export const is_known = (text) => text in zh;

/** What files spell for machines, in English. */
const en = {
  __proto__: null,
  "orders-late": "orders late", "lead-time": "lead time", "work-in-process": "work in process", "oee": "OEE", "waiting-for-crew": "waiting for a crew", "turn": "waiting for its turn",
};

const han_last = /\p{Script=Han}$/u;
const han_first = /^\p{Script=Han}/u;

/** Chinese type: a space between a Chinese character and a Latin letter or a figure, none between two Chinese ones. */
function joined(before, after) {
  if (han_last.test(before.trimEnd()) && han_first.test(after.trimStart())) return before.trimEnd() + after.trimStart();
  return (han_last.test(before) && /^[\w+−]/.test(after)) || (/[\w%]$/.test(before) && han_first.test(after)) ? `${before} ${after}` : before + after;
}

/** {name} stands for values.name. */
export const filled = (text, values) => text.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? String(values[part] ?? "") : part)).reduce((out, part) => (is_chinese() ? joined(out, part) : out + part));

/** The text in the chosen language. */
export function t(text, values) {
  const out = (chosen === "zh" ? zh : en)[text] ?? text;
  return values ? filled(out, values) : out;
}
