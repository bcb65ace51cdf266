// @ts-check
// Works on types: their sizes, their declarations in C, and the rows of a struct with its padding.

/** The size of a value of this type in bytes; 0 if it is unknown. @param {Type} type @returns {number} */
function sizeOf(type) {
  if (type === null) return 0;
  switch (type[0]) {
    case 0: return type[2];
    case 1: return type[2];
    case 2: return sizeOf(type[1]) * type[2];
    case 4: return type[2] ?? 0;
    case 5: return type[2];
    case 6: return type[1];
    default: return 0;
  }
}

/** The type of the elements of an array, also of an array of arrays; any other type itself. @param {Type} type @returns {Type} */
function elementOf(type) {
  let at = type;
  while (at !== null && at[0] === 2) at = at[1];
  return at;
}

/** The kind of a type, which decides the colour of a member. @param {Type} type @returns {string} */
function kindOf(type) {
  const element = elementOf(type);
  if (element === null) return "other";
  switch (element[0]) {
    case 0: return type !== null && type[0] === 2 ? "array" : "number";
    case 1: return "pointer";
    case 4: return "struct";
    case 5: return "enum";
    default: return "array";
  }
}

/** Passes the name of each struct and enumeration in a type to `each`. @param {Type} type @param {(kind: number, name: string) => void} each */
function mentions(type, each) {
  const pending = [type];
  while (pending.length > 0) {
    const next = pending.pop() ?? null;
    if (next === null) continue;
    if (next[0] === 1 || next[0] === 2) pending.push(next[1]);
    else if (next[0] === 3) pending.push(...next[1]);
    else if (next[0] === 4 || next[0] === 5) each(next[0], next[1]);
  }
}

/**
 * A declaration in C, as pieces: texts, and links to structs and enumerations.
 * @param {Type} type @param {(string | Node)[]} declarator @param {(kind: number, name: string) => Node} link
 * @returns {(string | Node)[]}
 */
function declare(type, declarator, link) {
  const spaced = (/** @type {string | Node} */ word) => (declarator.length > 0 ? [word, " ", ...declarator] : [word]);
  if (type === null) return spaced("void");
  switch (type[0]) {
    case 0: return spaced(type[1]);
    case 1: {
      const target = type[1];
      const bracketed = target !== null && (target[0] === 2 || target[0] === 3);
      return declare(target, bracketed ? ["(*", ...declarator, ")"] : ["*", ...declarator], link);
    }
    case 2: return declare(type[1], [...declarator, `[${type[2] === 0 ? "" : type[2]}]`], link);
    case 3: {
      /** @type {(string | Node)[]} */
      const list = [];
      type[1].forEach((/** @type {Type} */ argument, /** @type {number} */ at) => {
        if (at > 0) list.push(", ");
        list.push(...declare(argument, [], link));
      });
      return ["? ", ...declarator, "(", ...(list.length > 0 ? list : ["void"]), ")"];
    }
    case 4: return spaced(link(4, type[1]));
    case 5: return ["enum ", ...spaced(link(5, type[1]))];
    case 6: return ["wchar_t ", ...declarator, `[${type[1] / 2}]`];
  }
}

/** A declaration as text. @param {Type} type @param {string} name */
function declaration(type, name) {
  return declare(type, name === "" ? [] : [name], (_, text) => document.createTextNode(text))
    .map((piece) => (typeof piece === "string" ? piece : piece.textContent))
    .join("");
}

/** A row of a struct: a member, or padding. @typedef {{member?: Member, offset: number, size: number, overlaps: boolean}} Row */

/** The members of a struct and the padding between them. @param {Definition} definition @returns {Row[]} */
function rowsOf([size, , members]) {
  /** @type {Row[]} */
  const rows = [];
  let end = 0;
  for (const member of members) {
    const [, offset, type] = member;
    const bytes = sizeOf(type);
    if (offset > end) rows.push({ offset: end, size: offset - end, overlaps: false });
    const shares = rows.some((row) => row.member && row.offset === offset && row.member.length === 5);
    const overlaps = offset < end && bytes > 0 && !(member.length === 5 && shares);
    rows.push({ member, offset, size: bytes, overlaps });
    end = Math.max(end, offset + bytes);
  }
  if (size > end) rows.push({ offset: end, size: size - end, overlaps: false });
  return rows;
}

/** @param {number} number */
function hex(number) {
  return "0x" + number.toString(16).padStart(3, "0");
}

/** The place of a member, for display and comparison: its offset, and its bits if it is a bit-field. @param {Member} member */
function placeOf(member) {
  const bits = member.length === 5 ? `:${member[3]}-${member[4]}` : "";
  return `${hex(member[1])}${bits}`;
}
