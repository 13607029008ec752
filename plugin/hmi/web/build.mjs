// SPDX-License-Identifier: Apache-2.0
// Bundles the pages and writes them, plain and compressed, as one C++ source.
// usage: node build.mjs SOURCE_FOLDER BUILD_FOLDER OUTPUT.cpp
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { constants, gzipSync } from "node:zlib";

const [source, build, output] = process.argv.slice(2);
const require = createRequire(join(build, "package.json"));
const { buildSync } = require("esbuild");

const bundled = buildSync({
  entryPoints: { app: join(source, "src/main.jsx") },
  outdir: join(build, "out"),
  write: false,
  bundle: true,
  minify: true,
  charset: "utf8",
  format: "esm",
  target: ["es2020"],
  jsx: "automatic",
  jsxImportSource: "preact",
  nodePaths: [join(build, "node_modules")],
  legalComments: "eof",
  logLevel: "warning",
});

const files = bundled.outputFiles.map((file) => ({
  path: file.path.endsWith(".css") ? "/app.css" : "/app.js",
  type: file.path.endsWith(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8",
  bytes: Buffer.from(file.contents),
}));
files.push({ path: "/index.html", type: "text/html; charset=utf-8", bytes: readFileSync(join(source, "src/index.html")) });
files.push({ path: "/icon.svg", type: "image/svg+xml", bytes: readFileSync(join(source, "src/icon.svg")) });

const first_page_max = 300 * 1024;
let sum = 0;
let arrays = "";
let table = "";
files.forEach((file, i) => {
  const gzip = gzipSync(file.bytes, { level: constants.Z_BEST_COMPRESSION });
  sum += gzip.length;
  const tag = createHash("sha256").update(file.bytes).digest("hex").slice(0, 20);
  const array = (name, bytes) => `constexpr unsigned char ${name}[] = {${[...bytes].join(",")}};\n`;
  arrays += array(`plain${i}`, file.bytes) + array(`gzip${i}`, gzip);
  table += `    {"${file.path}", "${file.type}", "${tag}", view(plain${i}), view(gzip${i})},\n`;
});
if (sum > first_page_max) throw new Error(`the pages are ${sum} bytes compressed, more than ${first_page_max}`);

mkdirSync(dirname(output), { recursive: true });
writeFileSync(
  output,
  `// SPDX-License-Identifier: Apache-2.0
// Made by plugin/hmi/web/build.mjs; ${sum} bytes compressed.
#include <array>
#include <cstddef>

#include "plugin/hmi/assets.hpp"

namespace foreline::hmi {

namespace {

${arrays}
template <std::size_t n>
std::string_view view(const unsigned char (&bytes)[n]) {
  return {reinterpret_cast<const char*>(bytes), n};
}

}  // namespace

std::span<const Asset> assets() {
  static const std::array<Asset, ${files.length}> all = {{
${table}  }};
  return all;
}

}  // namespace foreline::hmi
`,
);
