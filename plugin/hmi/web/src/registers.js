// SPDX-License-Identifier: Apache-2.0
// What the words of a schedule's block say.

const kinds = ["at a time", "before an order"];
const nothing = 65535;

/** What `register` says in `column` ("held", "active" or "word") beside its number; null for nothing. `list`: the whole block, of
    which its counts tell which places are in use. */
export function meaning(list, register, column, line) {
  const { what, number, low, high } = register;
  const word = register[column];
  const counted = what === "order at place" ? "orders in the sequence" : "services";
  if (number > (list.find((one) => one.what === counted)?.[column] ?? 0)) return null;
  if (word === nothing && low !== high) return "–";
  if (what === "order at place" || what === "order of service") return line.orders[word]?.id ?? null;
  if (what === "machine of service") return line.machines[word]?.name ?? null;
  if (what === "kind of service") return kinds[word] ?? null;
  return null;
}
