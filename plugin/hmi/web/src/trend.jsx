// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { line_clock, number, tick, ticks } from "./format.js";
import { rem, useWidth } from "./parts.jsx";

const ink = "#1f2a33";
const muted = "#4d5a66";
/** Between marks of line time, in seconds: what a clock shows. */
const time_steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Of a signal's readings: between which eight of ten are expected, and the middle. */
const expected = { fill: "#29497d33", line: "#29497d" };

/** One curve over time, a simulated line's own or the plant's: normal band behind, points that are not good crossed; ahead the
    readings that are expected, and when a fault is. */
export function Trend({ at_s, value, bad = [], band, range, mark, label, height, limit, ahead, simulated }) {
  const [box, width] = useWidth();
  const place = useRef();
  const plot = useRef();
  const shown = useRef({});
  shown.current = { bad, band, mark, limit, ahead };
  useEffect(() => {
    const em = rem();
    const font = `${Math.round(0.75 * em)}px sans-serif`;
    const axis = { stroke: muted, font, grid: { stroke: "#0000001a", width: 1 }, ticks: { stroke: "#0000001a" } };
    const time = simulated ? { values: (_, marks) => marks.map((s) => line_clock(s, false)) }
      : { values: (_, marks) => marks.map(tick), splits: (u, i, from, until, step) => ticks(from, until, step) };
    const rectangle = (u, x0, x1, y0, y1) => {
      const left = Math.max(u.bbox.left, Math.min(x0, x1));
      const right = Math.min(u.bbox.left + u.bbox.width, Math.max(x0, x1));
      const top = Math.max(u.bbox.top, Math.min(y0, y1));
      const bottom = Math.min(u.bbox.top + u.bbox.height, Math.max(y0, y1));
      if (right > left && bottom > top) u.ctx.fillRect(left, top, right - left, bottom - top);
    };
    plot.current = new uPlot({
      width, height,
      legend: { show: false },
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: range ? { range: () => range } : {} },
      axes: [
        { ...axis, ...time, size: 1.9 * em, space: 5 * em, incrs: time_steps },
        { ...axis, size: 3.6 * em, space: 1.3 * em, values: (_, ticks) => ticks.map((v) => number(v)) },
      ],
      series: [{}, { stroke: ink, width: Math.max(1, em / 11), points: { show: false }, spanGaps: false }],
      hooks: {
        drawClear: [(u) => {
          const { band, mark, ahead } = shown.current;
          if (ahead?.at_s.length > 1) {
            const x = ahead.at_s.map((s) => u.valToPos(s, "x", true));
            const path = (values) => values.map((v, i) => [x[i], u.valToPos(v, "y", true)]);
            u.ctx.save();
            u.ctx.beginPath();
            u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
            u.ctx.clip();
            u.ctx.beginPath();
            for (const [left, y] of [...path(ahead.high), ...path(ahead.low).reverse()]) u.ctx.lineTo(left, y);
            u.ctx.fillStyle = expected.fill;
            u.ctx.fill();
            u.ctx.beginPath();
            for (const [left, y] of path(ahead.middle)) u.ctx.lineTo(left, y);
            u.ctx.strokeStyle = expected.line;
            u.ctx.lineWidth = 1.5;
            u.ctx.setLineDash([2, 3]);
            u.ctx.stroke();
            u.ctx.restore();
          }
          if (band) {
            u.ctx.fillStyle = "#c9d6c940";
            rectangle(u, u.bbox.left, u.bbox.left + u.bbox.width, u.valToPos(band[0], "y", true), u.valToPos(band[1], "y", true));
            u.ctx.strokeStyle = "#6d7d6d";
            u.ctx.setLineDash([4, 4]);
            for (const edge of band) {
              const y = u.valToPos(edge, "y", true);
              if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
              u.ctx.beginPath();
              u.ctx.moveTo(u.bbox.left, y);
              u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
              u.ctx.stroke();
            }
            u.ctx.setLineDash([]);
          }
          if (mark) {
            u.ctx.fillStyle = "#7a3e8e2e";
            rectangle(u, u.valToPos(mark.from, "x", true), u.valToPos(mark.until, "x", true), u.bbox.top, u.bbox.top + u.bbox.height);
          }
        }],
        draw: [(u) => {
          const { bad, mark, limit } = shown.current;
          u.ctx.save();
          u.ctx.strokeStyle = "#a3222c";
          u.ctx.lineWidth = 1.5;
          for (const i of bad) {
            const x = u.valToPos(u.data[0][i], "x", true);
            const y = u.data[1][i] == null ? u.bbox.top + u.bbox.height - 6 : u.valToPos(u.data[1][i], "y", true);
            u.ctx.beginPath();
            u.ctx.moveTo(x - 3, y - 3);
            u.ctx.lineTo(x + 3, y + 3);
            u.ctx.moveTo(x + 3, y - 3);
            u.ctx.lineTo(x - 3, y + 3);
            u.ctx.stroke();
          }
          if (limit != null) {
            const y = u.valToPos(limit, "y", true);
            u.ctx.strokeStyle = "#7a3e8e";
            u.ctx.setLineDash([6, 4]);
            u.ctx.beginPath();
            u.ctx.moveTo(u.bbox.left, y);
            u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
            u.ctx.stroke();
          }
          if (mark?.middle != null) {
            const x = u.valToPos(mark.middle, "x", true);
            u.ctx.strokeStyle = "#7a3e8e";
            u.ctx.lineWidth = 2;
            u.ctx.setLineDash([6, 4]);
            u.ctx.beginPath();
            u.ctx.moveTo(x, u.bbox.top);
            u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
            u.ctx.stroke();
          }
          u.ctx.restore();
        }],
      },
    }, [[0], [null]], place.current);
    return () => plot.current.destroy();
  }, []);
  useEffect(() => plot.current.setSize({ width, height }), [width, height]);
  useEffect(() => {
    const u = plot.current;
    u.setData([at_s, value], false);
    if (at_s.length === 0) return;
    const first = at_s[0];
    const last = Math.max(at_s[at_s.length - 1], first + 600, ahead?.at_s.at(-1) ?? 0, mark ? Math.min(mark.until, at_s[at_s.length - 1] + 4 * 3600) : 0);
    u.setScale("x", { min: first, max: last });
    if (range) return;
    let low = band ? band[0] : Infinity;
    let high = band ? band[1] : -Infinity;
    for (const v of [...value, ...(ahead?.low ?? []), ...(ahead?.high ?? [])]) if (v != null) { low = Math.min(low, v); high = Math.max(high, v); }
    if (!isFinite(low)) return;
    const room = 0.08 * (high - low || 1);
    u.setScale("y", { min: low - room, max: high + room });
  });
  return <div ref={box}><div ref={place} role="img" aria-label={label} /></div>;
}
