// @ts-check
// Draws the main part of a page. Every text becomes a text node, so no name is ever read as markup.

/**
 * Makes an element. Attributes that begin with "on" are listeners.
 * @param {string} tag @param {Record<string, any>} attributes @param {...(string | Node | null | undefined | (string | Node)[])} children
 * @returns {HTMLElement}
 */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/** A box that is filled when a part of the page has been read, so that the rest does not wait for it. @param {Promise<Node>} part @returns {Node} */
function later(part) {
  const box = h("div");
  part.then(
    (node) => box.append(node),
    (error) => box.append(h("p", { class: "missing" }, error instanceof Error ? error.message : String(error))),
  );
  return box;
}

/** The contents of an address. @typedef {{kind: string, name: string, member: string, build: number, other: number | undefined}} Route */

/** The address of a view. It has names, not numbers, so that a link is still valid when the page is generated again. @param {Store} store @param {Partial<Route>} route */
function address(store, { kind = "", name = "", member = "", build = 0, other }) {
  const path = [kind, name, member].filter((part) => part !== "").map(encodeURIComponent).join("/");
  /** @type {string[]} */
  const query = [];
  if (store.builds.length > 1) {
    query.push(`build=${encodeURIComponent(store.builds[build].id)}`);
    if (other !== undefined) query.push(`with=${encodeURIComponent(store.builds[other].id)}`);
  }
  return `#${path}${query.length > 0 ? "?" + query.join("&") : ""}`;
}

/** Reads an address. @param {Store} store @param {string} hash @returns {Route} */
function routeOf(store, hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?", 2);
  const decode = (/** @type {string} */ text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const [kind = "", name = "", member = ""] = path.split("/").map(decode);
  /** @type {Record<string, string>} */
  const options = Object.fromEntries(query.split("&").map((pair) => pair.split("=", 2).map(decode)));
  const number = (/** @type {string | undefined} */ id) => {
    const found = store.builds.findIndex((build) => build.id === id);
    return found < 0 ? undefined : found;
  };
  // A page of two builds compares them; a page of more shows the newest.
  const pair = store.builds.length === 2;
  const build = number(options.build) ?? (pair ? 0 : store.builds.length - 1);
  const other = number(options.with) ?? (pair && options.build === undefined ? 1 : undefined);
  return { kind, name, member, build, other: other === build ? undefined : other };
}

/** Draws the main part. */
class Views {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    /** @type {Route} */
    this.route = { kind: "", name: "", member: "", build: 0, other: undefined };
  }

  /** @param {Partial<Route>} to */
  link(to) {
    return address(this.store, { build: this.route.build, other: this.route.other, ...to });
  }

  /** A link to a struct or an enumeration, or only its name if no build has it. @param {number} kind @param {string} name */
  typeLink(kind, name) {
    const known = kind === 4 ? this.store.structNumbers.has(name) : this.store.enumNumbers.has(name);
    if (!known) return h("span", { class: "opaque", title: "The profile knows only the name." }, name);
    return h("a", { href: this.link({ kind: kind === 4 ? "struct" : "enum", name, member: "" }), class: "type" }, name);
  }

  /** @param {Type} type @param {string} name */
  declared(type, name) {
    const label = h("span", { class: "name" }, name);
    return declare(type, [label], (kind, text) => this.typeLink(kind, text));
  }

  /** @param {Route} route @returns {Promise<Node[]>} */
  async draw(route) {
    this.route = route;
    switch (route.kind) {
      case "": return this.home();
      case "struct": return route.other === undefined ? this.struct() : this.comparison();
      case "enum": return this.enumeration();
      case "symbol": return this.symbol();
      case "changes": return this.changes();
      default: return [this.missing("page", route.kind)];
    }
  }

  /** @param {string} what @param {string} name */
  missing(what, name) {
    const build = this.store.builds[this.route.build];
    return h("p", { class: "missing" }, `${build.title} has no ${what} named `, h("code", {}, name), ".");
  }

  home() {
    const { builds } = this.store;
    const shown = builds[this.route.build];
    const famous = ["task_struct", "mm_struct", "module", "file", "_EPROCESS", "_KTHREAD", "_KPCR", "_DRIVER_OBJECT", "proc", "thread"];
    const doors = famous.filter((name) => this.store.structNumbers.has(name));
    const count = (/** @type {number} */ number, /** @type {string} */ word) =>
      h("div", { class: "count" }, h("strong", {}, number.toLocaleString("en")), h("span", {}, word));
    return [
      h("h1", {}, shown.title),
      h("div", { class: "counts" },
        count(shown.structs, "structs"), count(shown.enums, "enumerations"), count(shown.symbols, "symbols"),
        builds.length > 1 ? count(builds.length, "builds") : null),
      this.route.other === undefined ? null : h("p", {},
        h("a", { class: "button", href: this.link({ kind: "changes", name: "" }) }, "What changed")),
      doors.length === 0 ? null : h("section", {}, h("h2", {}, "Start here"),
        h("div", { class: "chips" }, doors.map((name) => h("a", { class: "chip", href: this.link({ kind: "struct", name }) }, name)))),
      h("section", {}, h("h2", {}, "This build"),
        h("table", { class: "facts" }, h("tbody", {}, shown.metadata.map(([key, value]) =>
          h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, value)))))),
      h("section", { class: "help" }, h("h2", {}, "Keys"),
        h("p", {}, h("kbd", {}, "/"), " search  ", h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " choose  ",
          h("kbd", {}, "Enter"), " open  ", h("kbd", {}, "Esc"), " clear  ", h("kbd", {}, "t"), " light or dark")),
    ].filter((part) => part !== null);
  }

  async struct() {
    const { name, member, build } = this.route;
    const definition = await this.store.struct(name, build);
    if (!definition) return [this.missing("struct", name), later(this.timeline(name))];
    const [size, isUnion] = definition;
    const rows = rowsOf(definition);
    const padding = rows.reduce((sum, row) => sum + (row.member ? 0 : row.size), 0);
    const facts = [
      `${size.toLocaleString("en")} bytes (0x${size.toString(16)})`,
      `${definition[2].length} members`,
      padding > 0 ? `${padding} bytes of padding` : "no padding",
    ];
    return [
      h("header", { class: "title" },
        h("h1", {}, h("span", { class: "word" }, isUnion ? "union" : "struct"), " ", name),
        h("p", { class: "sub" }, facts.join(" · "))),
      this.map(definition, rows),
      h("div", { class: "body", role: "table", "aria-label": `Members of ${name}` },
        rows.map((row) => this.row(row, 0, 0, member))),
      this.uses(definition),
      later(this.usedBy(name, 0)),
      later(this.variables(name, build)),
      later(this.timeline(name)),
    ];
  }

  /** Draws the whole struct as one bar. @param {Definition} definition @param {Row[]} rows */
  map([size, isUnion], rows) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("class", "map");
    svg.setAttribute("viewBox", `0 0 1000 ${isUnion ? 26 : 14}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `A drawing of ${size} bytes`);
    if (size === 0) return svg;
    for (const { member, offset, size: bytes, overlaps } of rows) {
      const rect = document.createElementNS(space, "rect");
      const at = (offset / size) * 1000;
      rect.setAttribute("x", String(at));
      rect.setAttribute("width", String(Math.max((bytes / size) * 1000 - (bytes / size > 0.004 ? 1 : 0), 0.5)));
      rect.setAttribute("y", overlaps ? "7" : "0");
      rect.setAttribute("height", overlaps ? "7" : "14");
      rect.setAttribute("class", member ? `fill-${kindOf(member[2])}` : "fill-padding");
      const title = document.createElementNS(space, "title");
      title.textContent = member ? `${hex(offset)} ${declaration(member[2], member[0])}` : `${hex(offset)} padding, ${bytes} bytes`;
      rect.append(title);
      if (member) rect.addEventListener("click", () => location.assign(this.link({ member: member[0] })));
      svg.append(rect);
    }
    return svg;
  }

  /**
   * A row of a struct: a member, whose struct can be opened in place, or padding.
   * @param {Row} row @param {number} base @param {number} depth @param {string} chosen @returns {Node}
   */
  row({ member, offset, size, overlaps }, base, depth, chosen = "") {
    const at = base + offset;
    const offsetCell = h("span", { class: "offset", role: "cell" }, hex(at));
    if (!member) {
      return h("div", { class: "row padding", role: "row" }, offsetCell,
        h("span", { class: "size", role: "cell" }, String(size)),
        h("span", { class: "declaration", role: "cell" }, size === 1 ? "1 byte of padding" : `${size} bytes of padding`));
    }
    const [name, , type] = member;
    const bits = member.length === 5 ? member : undefined;
    const element = elementOf(type);
    const inner = element !== null && element[0] === 4 && this.store.structNumbers.has(element[1]) ? element[1] : undefined;
    const classes = ["row", `kind-${kindOf(type)}`, overlaps ? "overlaps" : "", name === chosen && depth === 0 ? "chosen" : ""];
    const line = h("div", { class: classes.filter(Boolean).join(" "), role: "row", title: overlaps ? "shares its bytes with members above" : undefined },
      offsetCell,
      h("span", { class: "size", role: "cell" }, bits ? `${bits[4] - bits[3]} bit${bits[4] - bits[3] === 1 ? "" : "s"}` : String(size)),
      h("span", { class: "declaration", role: "cell" }, this.declared(type, name),
        bits ? ` : ${bits[4] - bits[3]}` : "", ";", bits ? this.bits(bits[3], bits[4], size) : null),
      depth === 0 ? h("a", { class: "anchor", href: this.link({ member: name }), "aria-label": `Link to ${name}` }, "#") : null);
    if (inner === undefined || depth >= 16) return line;
    /** @type {HTMLElement | undefined} */
    let nested;
    const open = h("button", { class: "open", "aria-expanded": "false", "aria-label": `Open ${inner}`, onclick: async () => {
      if (nested) {
        nested.remove();
        nested = undefined;
      } else {
        const definition = await this.store.struct(inner, this.route.build);
        if (!definition || nested) return;
        nested = h("div", { class: "nested" }, rowsOf(definition).map((row) => this.row(row, at, depth + 1)));
        line.after(nested);
      }
      open.setAttribute("aria-expanded", String(nested !== undefined));
    } });
    line.querySelector(".declaration")?.prepend(open);
    const both = document.createDocumentFragment();
    both.append(line);
    return both;
  }

  /** Draws the bits of a storage unit; those of the bit-field are filled. @param {number} start @param {number} end @param {number} bytes */
  bits(start, end, bytes) {
    const all = Math.min(Math.max(bytes * 8, end), 64);
    const cells = [];
    for (let bit = all - 1; bit >= 0; bit--) cells.push(h("i", { class: bit >= start && bit < end ? "on" : "" }));
    return h("span", { class: "bits", title: `bits ${start} to ${end - 1}` }, cells);
  }

  /** @param {string} title @param {Node[]} links */
  links(title, links) {
    if (links.length === 0) return h("div", {});
    const MOST = 60;
    const list = h("div", { class: "chips" }, links.slice(0, MOST));
    const rest = links.slice(MOST);
    const more = h("button", { class: "chip more", onclick: () => { more.replaceWith(...rest); } }, `${rest.length} more`);
    if (rest.length > 0) list.append(more);
    return h("section", {}, h("h2", {}, title, " ", h("small", {}, String(links.length))), list);
  }

  /** @param {Definition} definition */
  uses([, , members]) {
    /** @type {Map<string, number>} */
    const used = new Map();
    for (const [, , type] of members) mentions(type, (kind, name) => used.set(`${kind}${name}`, kind));
    const names = [...used.keys()].map((key) => /** @type {[number, string]} */ ([Number(key[0]), key.slice(1)]));
    names.sort((a, b) => (a[1] < b[1] ? -1 : 1));
    return this.links("Uses", names.map(([kind, name]) => h("span", { class: "chip" }, this.typeLink(kind, name))));
  }

  /** @param {string} name @param {number} kind */
  async usedBy(name, kind) {
    const users = (await this.store.usedBy())[kind].get(name) ?? [];
    return this.links("Used by", users.map((user) => h("span", { class: "chip" }, this.typeLink(4, user))));
  }

  /** Links to the variables of a struct's type. @param {string} name @param {number} build */
  async variables(name, build) {
    const { types } = await this.store.symbols(build);
    /** @type {Node[]} */
    const found = [];
    for (const [symbol, type] of types) {
      const element = elementOf(type);
      if (element !== null && element[0] === 4 && element[1] === name) {
        found.push(h("a", { class: "chip", href: this.link({ kind: "symbol", name: symbol, member: "" }) }, symbol));
      }
    }
    return this.links("Variables", found);
  }

  /** Shows the size of a struct and the places of its members in every build. @param {string} name @returns {Promise<Node>} */
  async timeline(name) {
    const { builds, index, structNumbers } = this.store;
    const definitions = builds.length < 2 ? undefined : await this.store.definitions(name);
    const number = structNumbers.get(name);
    if (!definitions || number === undefined) return h("div", {});
    /** @type {(number | undefined)[]} */
    const which = builds.map((_, build) => Store.definitionOf(index.structRuns[number], build));
    /** Joins consecutive builds with equal values. @param {(build: number) => string} value */
    const runs = (value) => {
      /** @type {{from: number, to: number, text: string}[]} */
      const all = [];
      builds.forEach((_, build) => {
        const text = value(build);
        const last = all.at(-1);
        if (last && last.text === text) last.to = build;
        else all.push({ from: build, to: build, text });
      });
      return all;
    };
    const strip = (/** @type {string} */ label, /** @type {(build: number) => string} */ value, /** @type {boolean} */ chosen) => {
      const all = runs(value);
      const bar = h("div", { class: "strip" }, all.map(({ from, to, text }, turn) => {
        const where = from === to ? builds[from].title : `${builds[from].title} to ${builds[to].title}`;
        const target = this.link({ kind: "struct", name, build: to, other: undefined, member: label === "size" ? "" : label });
        const segment = h("a", { class: `segment ${text === "" ? "absent" : `tone-${turn % 2}`}`, href: target, title: `${where}: ${text || "not there"}` }, text || "–");
        segment.style.flexGrow = String(to - from + 1);
        return segment;
      }));
      return h("div", { class: `moment${chosen ? " chosen" : ""}` }, h("span", { class: "name" }, label), bar);
    };
    /** @type {Map<string, number>} */
    const members = new Map();
    for (const [, , list] of definitions) {
      for (const [member, offset] of list) if (!members.has(member)) members.set(member, offset);
    }
    const placed = definitions.map(([, , list]) => new Map(list.map((member) => [member[0], placeOf(member)])));
    const value = (/** @type {string} */ member) => (/** @type {number} */ build) => {
      const at = which[build];
      return at === undefined ? "" : placed[at].get(member) ?? "";
    };
    const sizes = strip("size", (build) => {
      const at = which[build];
      return at === undefined ? "" : `${definitions[at][0]} bytes`;
    }, false);
    const { member: chosen } = this.route;
    const order = [...members.keys()].sort((a, b) => Number(b === chosen) - Number(a === chosen));
    const still = (/** @type {string} */ member) => member !== chosen && runs(value(member)).length === 1;
    const moved = order.filter((member) => !still(member));
    const quiet = order.length - moved.length;
    return h("section", { class: "timeline" },
      h("h2", {}, "In every build ", h("small", {}, `${builds[0].title} to ${builds.at(-1)?.title}`)),
      sizes, ...moved.map((member) => strip(member, value(member), member === chosen)),
      quiet > 0 ? h("p", { class: "sub" }, `${quiet} ${quiet === 1 ? "member is" : "members are"} at the same place in every build.`) : null);
  }

  async comparison() {
    const { name, build, other = build } = this.route;
    const [before, after] = await Promise.all([this.store.struct(name, build), this.store.struct(name, other)]);
    const titles = [build, other].map((number) => this.store.builds[number].title);
    if (!before && !after) return [this.missing("struct", name), later(this.timeline(name))];
    const size = (/** @type {Definition | undefined} */ it) => (it ? `${it[0]} bytes (0x${it[0].toString(16)})` : "not there");
    const left = new Map((before?.[2] ?? []).map((member) => [member[0], member]));
    const right = new Map((after?.[2] ?? []).map((member) => [member[0], member]));
    // The members of the newer build, in order. Removed members are put in at their old offsets.
    const order = [...(after?.[2] ?? [])];
    for (const member of before?.[2] ?? []) {
      if (right.has(member[0])) continue;
      const place = order.findIndex(([, offset]) => offset > member[1]);
      order.splice(place < 0 ? order.length : place, 0, member);
    }
    const changes = order.map((member) => {
      const [a, b] = [left.get(member[0]), right.get(member[0])];
      if (!a) return "added";
      if (!b) return "removed";
      if (JSON.stringify(a[2]) !== JSON.stringify(b[2])) {
        return declaration(a[2], "") === declaration(b[2], "") ? "resized" : "retyped";
      }
      return placeOf(a) === placeOf(b) ? "" : "moved";
    });
    const cell = (/** @type {Member | undefined} */ member) => [
      h("span", { class: "offset" }, member ? placeOf(member) : "–"),
      h("span", { class: "declaration" }, ...(member ? [...this.declared(member[2], member[0]),
        member.length === 5 ? ` : ${member[4] - member[3]};` : ";"] : [])),
    ];
    const same = changes.filter((change) => change === "").length;
    const list = h("div", { class: "pair" },
      h("div", { class: "row heads" }, h("span", { class: "change" }), h("span", { class: "side" }, titles[0]), h("span", { class: "side" }, titles[1])),
      order.map((member, at) => h("div", { class: `row ${changes[at] || "same"}${member[0] === this.route.member ? " chosen" : ""}` },
        h("span", { class: "change" }, changes[at]),
        h("span", { class: "side" }, ...cell(left.get(member[0]))),
        h("span", { class: "side" }, ...cell(right.get(member[0]))))));
    const toggle = h("label", { class: "toggle" }, h("input", { type: "checkbox", onchange: (/** @type {any} */ event) =>
      list.classList.toggle("only-changes", event.target.checked) }), " Only what changed");
    return [
      h("header", { class: "title" },
        h("h1", {}, h("span", { class: "word" }, (after ?? before)?.[1] ? "union" : "struct"), " ", name),
        h("p", { class: "sub" }, size(before), before?.[0] === after?.[0] ? "" : ` → ${size(after)}`,
          ` · ${order.length - same} of ${order.length} members differ`)),
      toggle, list, later(this.timeline(name)),
    ];
  }

  async changes() {
    const { build, other } = this.route;
    if (other === undefined) return [h("p", {}, "Choose a second build above.")];
    const { structs, structRuns, enums, enumRuns } = this.store.index;
    const sort = (/** @type {string[]} */ names, /** @type {(0 | number[])[]} */ runs) => {
      /** @type {{added: string[], removed: string[], changed: string[]}} */
      const found = { added: [], removed: [], changed: [] };
      names.forEach((name, number) => {
        // An unnamed type changes together with the struct that holds it, and that struct is listed.
        if (name.startsWith("__unnamed_")) return;
        const [a, b] = [build, other].map((at) => Store.definitionOf(runs[number], at));
        if (a === b) return;
        (a === undefined ? found.added : b === undefined ? found.removed : found.changed).push(name);
      });
      return found;
    };
    const [left, right] = await Promise.all([this.store.symbols(build), this.store.symbols(other)]);
    const places = new Map(left.names.map((name, at) => [name, left.addresses[at]]));
    /** @type {string[]} */
    const added = [];
    /** @type {Map<bigint, number>} */
    const shifts = new Map();
    right.names.forEach((name, at) => {
      const before = places.get(name);
      if (before === undefined) added.push(name);
      else {
        const shift = right.addresses[at] - before;
        shifts.set(shift, (shifts.get(shift) ?? 0) + 1);
      }
      places.delete(name);
    });
    const chips = (/** @type {string} */ kind) => (/** @type {string} */ name) =>
      h("a", { class: "chip", href: this.link({ kind, name, member: "" }) }, name);
    const part = (/** @type {string} */ title, /** @type {string[]} */ names, /** @type {string} */ kind) => this.links(title, names.map(chips(kind)));
    const ofStructs = sort(structs, structRuns);
    const ofEnums = sort(enums, enumRuns);
    const signed = (/** @type {bigint} */ shift) => (shift < 0n ? `−0x${(-shift).toString(16)}` : `+0x${shift.toString(16)}`);
    const common = [...shifts].sort((a, b) => b[1] - a[1]);
    return [
      h("h1", {}, "What changed"),
      h("p", { class: "sub" }, `${this.store.builds[build].title} → ${this.store.builds[other].title}`),
      part("Structs changed", ofStructs.changed, "struct"), part("Structs added", ofStructs.added, "struct"),
      part("Structs removed", ofStructs.removed, "struct"), part("Enumerations changed", ofEnums.changed, "enum"),
      part("Enumerations added", ofEnums.added, "enum"), part("Enumerations removed", ofEnums.removed, "enum"),
      h("section", {}, h("h2", {}, "Symbols moved ", h("small", {}, `${shifts.size} different distances`)),
        h("table", { class: "facts" }, h("tbody", {}, common.slice(0, 20).map(([shift, count]) =>
          h("tr", {}, h("th", { scope: "row" }, shift === 0n ? "not moved" : signed(shift)), h("td", {}, `${count.toLocaleString("en")} symbols`)))))),
      part("Symbols added", added, "symbol"), part("Symbols removed", [...places.keys()], "symbol"),
    ];
  }

  async enumeration() {
    const { name, build } = this.route;
    const found = await this.store.enumeration(name, build);
    if (!found) return [this.missing("enumeration", name)];
    const [bytes, labels] = found;
    return [
      h("header", { class: "title" }, h("h1", {}, h("span", { class: "word" }, "enum"), " ", name),
        h("p", { class: "sub" }, `${labels.length} labels · ${bytes} bytes`)),
      h("table", { class: "labels" }, h("tbody", {}, labels.map(([label, value]) => {
        const number = BigInt(value);
        const shown = number < 0n ? value : `0x${number.toString(16)}`;
        return h("tr", {}, h("th", { scope: "row" }, label), h("td", {}, value), h("td", { class: "offset" }, shown));
      }))),
      later(this.usedBy(name, 1)),
    ];
  }

  async symbol() {
    const { name, build } = this.route;
    const { names, addresses, functions, types } = await this.store.symbols(build);
    const at = names.indexOf(name);
    if (at < 0) return [this.missing("symbol", name)];
    const type = types.get(name);
    const near = [];
    for (let next = Math.max(at - 8, 0); next < Math.min(at + 9, names.length); next++) {
      const distance = addresses[next] - addresses[at];
      const signed = distance < 0n ? `−0x${(-distance).toString(16)}` : `+0x${distance.toString(16)}`;
      near.push(h("tr", { class: next === at ? "chosen" : "" }, h("td", { class: "offset" }, `0x${addresses[next].toString(16)}`),
        h("td", {}, h("a", { href: this.link({ kind: "symbol", name: names[next], member: "" }) }, names[next])),
        h("td", { class: "offset" }, next === at ? "" : signed)));
    }
    const windows = functions.size > 0;
    return [
      h("header", { class: "title" }, h("h1", {}, h("span", { class: "word" }, "symbol"), " ", name),
        h("p", { class: "sub" }, `0x${addresses[at].toString(16)}`, windows ? (functions.has(at) ? " · function, RVA" : " · data, RVA") : "")),
      type === undefined ? null : h("p", { class: "declaration big" }, this.declared(type, name), ";"),
      h("section", {}, h("h2", {}, "Around it"), h("table", { class: "labels" }, h("tbody", {}, near))),
    ].filter((part) => part !== null);
  }
}
