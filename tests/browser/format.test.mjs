// SPDX-License-Identifier: Apache-2.0
// Times as people read them: by the wall clock of who looks, on days of which one has 23 hours and one 25.
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, test } from "node:test";

const source = join(process.env.TREE, "plugin/hmi/web/src");
const { choose } = await import(join(source, "text.js"));
const { beside_clock, between, by_wall_clock, clock, line_clock, set_line_clock, set_site_zone, told, tick, ticks, wall, zone } = await import(join(source, "format.js"));

const hour = 3600;
/** Line time 0 was at `zero`, and it is `now`; both as ISO 8601. */
function at(place, zero, now) {
  process.env.TZ = place;
  set_line_clock(Date.parse(zero), () => Date.parse(now));
}

afterEach(() => {
  process.env.TZ = "UTC";
  choose("en");
  set_line_clock(null);
  set_site_zone(undefined);
});

test("where the site's zone is configured, times are told in it, wherever one looks", () => {
  set_site_zone("Europe/Berlin");
  at("America/St_Johns", "2026-06-10T04:00:00Z", "2026-06-10T09:30:00Z");
  assert.equal(clock(8 * hour, false), "14:00");
  assert.equal(clock(7265), "08:01:05");
  assert.equal(clock(30 * hour, false), "Thu 11 Jun 12:00");
  assert.equal(clock(17.9 * hour, false), "23:54");
  assert.equal(zone(), "CEST");
  assert.equal(wall(Date.parse("2026-12-31T23:30:00Z")), "01/01/2027, 00:30:00");
  assert.equal(tick(18 * hour, 1), "11 Jun");
  assert.deepEqual(ticks(100, 2 * hour, hour), [hour, 2 * hour]);
  set_site_zone("Asia/Kathmandu");
  assert.equal(clock(8 * hour, false), "17:45");
  assert.deepEqual(ticks(100, 2 * hour, hour), [0.25 * hour, 1.25 * hour]);
  for (const unknown of ["Mars/Olympus", "", undefined]) {
    set_site_zone(unknown);
    assert.equal(clock(8 * hour, false), "09:30");
  }
});

test("where the plant's clock is not known, times are line times", () => {
  set_line_clock(undefined);
  assert.equal(by_wall_clock(), false);
  assert.equal(clock(7265), "2:01:05");
  assert.equal(clock(30 * hour, false), "30:00");
  assert.equal(clock(null), "–");
  assert.equal(beside_clock(7265), undefined);
  assert.deepEqual(ticks(100, 2 * hour, hour), [hour, 2 * hour]);
  assert.equal(tick(hour, 0), "1:00");
});

test("a due date is told in the zone of who looks, with its day when that is not today", () => {
  const [zero, now] = ["2026-06-10T04:00:00Z", "2026-06-10T09:30:00Z"];
  at("Europe/Berlin", zero, now);
  assert.equal(clock(8 * hour, false), "14:00");
  assert.equal(clock(7265), "08:01:05");
  assert.equal(clock(30 * hour, false), "Thu 11 Jun 12:00");
  assert.equal(clock(-7 * hour, false), "Tue 9 Jun 23:00");
  assert.equal(clock(null), "–");
  assert.equal(beside_clock(7265), "Line time 2:01:05");
  assert.equal(line_clock(7265), "2:01:05");
  assert.equal(zone(), "CEST");
  const note = { event: "plan", what: "started", text: "planning because of filler/jam, from the line's state at 2:01:05" };
  assert.match(told(note), /from the line's state at 08:01:05$/);
  at("Asia/Shanghai", zero, now);
  choose("zh");
  assert.match(told(note), /，从 14:01:05 的产线状态出发$/);
  assert.equal(clock(8 * hour, false), "20:00");
  assert.equal(clock(12 * hour, false), "6月11日周四 00:00");
  assert.equal(zone(), "GMT+8");
  at("America/St_Johns", zero, now);
  choose("en");
  assert.equal(clock(8 * hour, false), "09:30");
  assert.equal(clock(209 * 24 * hour, false), "Tue 5 Jan 2027 00:30"); // summer has ended
});

test("a range says its day once, and an empty one its moment", () => {
  set_line_clock(undefined);
  assert.equal(between(60, 7265), "0:01:00 – 2:01:05");
  assert.equal(between(60, 60), "0:01:00");
  at("Europe/Berlin", "2026-06-10T04:00:00Z", "2026-06-10T09:30:00Z");
  assert.equal(between(0, 8 * hour, false), "06:00 – 14:00");
  assert.equal(between(30 * hour, 31 * hour, false), "Thu 11 Jun 12:00 – 13:00");
  assert.equal(between(30 * hour, 30 * hour + 20, false), "Thu 11 Jun 12:00");
  assert.equal(between(30 * hour, 54 * hour, false), "Thu 11 Jun 12:00 – Fri 12 Jun 12:00");
  assert.equal(between(8 * hour, 30 * hour, false), "14:00 – Thu 11 Jun 12:00");
  assert.equal(between(-7 * hour, hour, false), "Tue 9 Jun 23:00 – Wed 10 Jun 07:00");
});

test("in spring an hour is left out, in autumn one comes twice and is told apart", () => {
  at("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T10:00:00Z");
  assert.deepEqual([0, 1, 2, 3].map((h) => clock(h * hour, false)), ["00:00", "01:00", "03:00", "04:00"]);
  at("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T10:00:00Z");
  assert.deepEqual([1, 2, 2.5, 3, 3.5, 4].map((h) => clock(h * hour, false)), ["01:00", "02:00 CEST", "02:30 CEST", "02:00 CET", "02:30 CET", "03:00"]);
  assert.match(wall(Date.parse("2026-10-25T00:30:00Z")), /02:30:00 CEST$/);
  assert.match(wall(Date.parse("2026-10-25T01:30:00Z")), /02:30:00 CET$/);
  assert.match(wall(Date.parse("2026-10-25T02:30:00Z")), /03:30:00$/);
  assert.equal(clock(25 * hour, false), "Mon 26 Oct 00:00"); // the day had 25 hours
  at("America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T10:00:00Z");
  assert.deepEqual([1, 2].map((h) => clock(h * hour, false)), ["01:00 GMT-4", "01:00 GMT-5"]);
  at("Asia/Shanghai", "2026-10-24T16:00:00Z", "2026-10-25T10:00:00Z");
  assert.equal(clock(2.5 * hour, false), "02:30");
});

test("the marks of an axis stand at round times of day, and name the day at midnight", () => {
  at("Asia/Kolkata", "2026-06-10T10:17:00Z", "2026-06-10T12:00:00Z");
  const marks = ticks(0, 12 * hour, 2 * hour);
  assert.deepEqual(marks.map((s) => clock(s, false)), ["16:00", "18:00", "20:00", "22:00", "Thu 11 Jun 00:00", "Thu 11 Jun 02:00"]);
  assert.deepEqual(marks.map(tick), ["16:00", "18:00", "20:00", "22:00", "11 Jun", "02:00"]);
  assert.deepEqual(ticks(10 * hour, 14 * hour, 2 * hour).map(tick), ["11 Jun 02:00", "04:00"]);
});
