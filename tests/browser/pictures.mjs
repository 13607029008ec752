// SPDX-License-Identifier: Apache-2.0
// Pictures and layouts as the documentation has them. Other numbers, times, rows and fonts may stand in them.
// FORELINE_ACCEPT=1 makes what is taken the documentation's.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";

const columns = 24;
const apart_px = 4; // that a text or an edge may stand elsewhere

/** How dark each of 24 x 15 fields of a picture is, 0 to 255, and the picture's size; on a blank page of `browser`. */
async function fields(browser, file) {
  const blank = await browser.newPage();
  const found = await blank.evaluate(async ([data, columns]) => {
    const picture = new Image();
    picture.src = data;
    await picture.decode();
    const rows = Math.round((columns * picture.height) / picture.width);
    const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const ink = canvas.getContext("2d");
    ink.imageSmoothingQuality = "high";
    ink.drawImage(picture, 0, 0, columns, rows);
    const rgba = ink.getImageData(0, 0, columns, rows).data;
    return { size: [picture.width, picture.height], grey: Array.from({ length: columns * rows }, (_, i) => (rgba[4 * i] + rgba[4 * i + 1] + rgba[4 * i + 2]) / 3) };
  }, [`data:image/png;base64,${readFileSync(file).toString("base64")}`, columns]);
  await blank.close();
  return found;
}

/** The colours of pictures in CIE L*a*b*, pixel by pixel. */
export async function colours_of(browser, pngs) {
  const blank = await browser.newPage();
  const found = await blank.evaluate((pictures) => Promise.all(pictures.map(async (data) => {
    const picture = new Image();
    picture.src = data;
    await picture.decode();
    const ink = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height }).getContext("2d");
    ink.drawImage(picture, 0, 0);
    const rgba = ink.getImageData(0, 0, picture.width, picture.height).data;
    const linear = (value) => (value <= 10.3 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    const root = (part) => (part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116);
    return Array.from({ length: rgba.length / 4 }, (_, i) => {
      const [r, g, b] = [0, 1, 2].map((channel) => linear(rgba[4 * i + channel]));
      const [x, y, z] = [(0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089].map(root);
      return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
    });
  })), pngs.map((png) => `data:image/png;base64,${png.toString("base64")}`));
  await blank.close();
  return found;
}

/** Distance of two colours; from about 2 on it is seen where both meet. */
export const apart = (one, other) => Math.hypot(...one.map((part, i) => part - other[i]));

/** Whether a picture looks as the one that is kept; fields may differ by `most` of 255 in the mean. */
export async function looks_like(browser, taken, kept, most) {
  if (process.env.FORELINE_ACCEPT) return copyFileSync(taken, kept);
  assert.ok(existsSync(kept), `${kept} is missing; FORELINE_ACCEPT=1 makes it`);
  const [now, before] = [await fields(browser, taken), await fields(browser, kept)];
  assert.deepEqual(now.size, before.size, kept);
  const apart = now.grey.reduce((sum, value, i) => sum + Math.abs(value - before.grey[i]), 0) / now.grey.length;
  assert.ok(apart < most, `${kept} looks otherwise (fields differ by ${apart.toFixed(1)} of 255): compare ${taken}`);
}

/** Where each part of a page that shows has its edges, and where in it its standing texts begin. */
export const layout_of = (page) =>
  page.evaluate(() => {
    const parts = ".top, .banner, .panel, .figure, dialog[open]";
    const shows = (element) => {
      const { top, bottom, width, height } = element.getBoundingClientRect();
      return width > 1 && height > 1 && top < innerHeight && bottom > 0;
    };
    const name_of = (text) => text.trim().split(/[:：\n]/)[0].replace(/\d[\d.,]*/g, "#").slice(0, 60);
    const out = {};
    for (const part of [...document.querySelectorAll(parts)].filter(shows)) {
      const box = part.getBoundingClientRect();
      const texts = {};
      for (const text of [...part.querySelectorAll("h2, h3, legend, label, button:not(th *, td *), nav a, th, .figure > :first-child")].filter((one) => one.closest(parts) === part && shows(one))) {
        const name = `${text.tagName.toLowerCase()} ${name_of(text.innerText)}`;
        const at = text.getBoundingClientRect();
        texts[name] ??= [Math.round(at.left - box.left), Math.round(at.top - box.top)];
      }
      out[name_of(part.getAttribute("aria-label") ?? (part.matches(".figure") ? part.firstElementChild.innerText : part.className.split(" ")[0]))] ??= { from: Math.round(box.left), until: Math.round(box.right), texts };
    }
    return out;
  });

/** What of a layout is missing, new or elsewhere. Columns of tables and links behind a count may stand elsewhere: their places follow what is before them. */
export function differences(now, kept) {
  const found = [];
  const compare = (what, at, before, same) => {
    for (const name of new Set([...Object.keys(at), ...Object.keys(before)])) {
      if (!(name in at)) found.push(`${what}${name} is missing`);
      else if (!(name in before)) found.push(`${what}${name} is new`);
      else same(name, at[name], before[name]);
    }
  };
  const near = (what, at, before) => Math.abs(at - before) <= apart_px || found.push(`${what} is at ${at} px instead of ${before}`);
  compare("", now, kept, (part, at, before) => {
    near(`${part}: left edge`, at.from, before.from);
    near(`${part}: right edge`, at.until, before.until);
    compare(`${part}: `, at.texts, before.texts, (text, [left, top], [was_left, was_top]) => {
      if (!/^(th|a) /.test(text)) near(`${part}: ${text}`, left, was_left);
      if (text.startsWith("h2 ")) near(`${part}: ${text}`, top, was_top);
    });
  });
  return found;
}

export function laid_out_as(now, file, name) {
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  if (process.env.FORELINE_ACCEPT) {
    kept[name] = now;
    return writeFileSync(file, `{\n${Object.keys(kept).sort().map((one) => `${JSON.stringify(one)}: ${JSON.stringify(kept[one])}`).join(",\n")}\n}\n`);
  }
  assert.deepEqual(differences(now, kept[name] ?? {}), [], `${name} is laid out otherwise than ${file} has it; FORELINE_ACCEPT=1 takes it`);
}
