// @ts-check
// Search while the user types. The names of a kind are joined into one text, because a browser searches a text faster than a
// list.

/** How many names of one kind a search collects at most. A short word is in most names. */
const MOST_FOUND = 5000;
/** How many results of one kind are listed at most, the best first. */
const MOST_LISTED = 2000;

/** Names, joined into one text in lower case. */
class Haystack {
  /** @param {string[]} names */
  constructor(names) {
    this.names = names;
    this.starts = new Uint32Array(names.length + 1);
    const lower = new Array(names.length);
    let at = 1;
    names.forEach((name, number) => {
      const text = name.toLowerCase().replaceAll("\n", " ");
      lower[number] = text;
      this.starts[number] = at;
      at += text.length + 1;
    });
    this.starts[names.length] = at;
    this.text = `\n${lower.join("\n")}\n`;
  }

  /** The number of the name at a position of the text. @param {number} place */
  at(place) {
    let low = 0;
    let high = this.names.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= place) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The numbers of the names that contain a word, the best first. @param {string} word @returns {number[]} */
  find(word) {
    /** @type {Map<number, number>} */
    const found = new Map();
    const look = (/** @type {string} */ wanted, /** @type {number} */ skip) => {
      let from = 0;
      while (found.size < MOST_FOUND) {
        const place = this.text.indexOf(wanted, from);
        if (place < 0) break;
        const number = this.at(place + skip);
        const end = this.starts[number + 1] - 1;
        if (!found.has(number)) {
          const length = end - this.starts[number];
          const before = place + skip - this.starts[number];
          // Names that equal the word come first, then those that begin with it, then those in which a part begins with it.
          const edge = before > 0 && "_.: ".includes(this.text[place + skip - 1]) ? 1 : 2;
          const rank = length === word.length ? 0 : before === 0 ? 1 : edge + 1;
          found.set(number, rank * 4096 + Math.min(length, 4095));
        }
        from = end;
      }
    };
    // Names that begin with the word are searched first, so that they are found even if nearly every name contains it.
    look(`\n${word}`, 1);
    look(`\n_${word}`, 2);
    look(word, 0);
    return [...found].sort((a, b) => a[1] - b[1] || a[0] - b[0]).slice(0, MOST_LISTED).map(([number]) => number);
  }
}

/** @typedef {{kind: "struct" | "member" | "enum" | "symbol", name: string, member?: string}} Result */

/** Searches structs, enumerations, members and symbols. */
class Search {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.structs = new Haystack(store.index.structs);
    this.enums = new Haystack(store.index.enums);
    /** @type {Haystack | undefined} */
    this.members = undefined;
    /** The struct of each member. @type {Uint32Array} */
    this.owners = new Uint32Array(0);
    /** @type {Map<number, Haystack>} */
    this.symbols = new Map();
  }

  /** Reads the names of members. */
  async addMembers() {
    if (this.members) return;
    const all = await this.store.members();
    const names = all.flat();
    this.owners = new Uint32Array(names.length);
    let at = 0;
    all.forEach((members, owner) => {
      this.owners.fill(owner, at, at + members.length);
      at += members.length;
    });
    this.members = new Haystack(names);
  }

  /** Reads the symbols of a build. @param {number} build */
  async addSymbols(build) {
    if (this.symbols.has(build)) return;
    this.symbols.set(build, new Haystack((await this.store.symbols(build)).names));
  }

  /**
   * The results for what the user typed; for an empty text, all structs.
   * @param {string} words @param {number} build @param {string} only a kind, or "all"
   * @returns {Result[]}
   */
  find(words, build, only) {
    const word = words.trim().toLowerCase().replaceAll("->", ".");
    const { structs, enums } = this.store.index;
    const wanted = (/** @type {string} */ kind) => only === "all" || only === kind;
    /** @type {Result[]} */
    const results = [];
    if (word === "") {
      if (wanted("struct")) for (const name of structs) results.push({ kind: "struct", name });
      if (only === "enum") for (const name of enums) results.push({ kind: "enum", name });
      if (only === "symbol") {
        for (const name of this.symbols.get(build)?.names ?? []) results.push({ kind: "symbol", name });
      }
      return results;
    }
    if (wanted("struct")) for (const number of this.structs.find(word)) results.push({ kind: "struct", name: structs[number] });
    if (wanted("symbol")) {
      const symbols = this.symbols.get(build);
      for (const number of symbols?.find(word) ?? []) results.push({ kind: "symbol", name: symbols?.names[number] ?? "" });
    }
    if (wanted("enum")) for (const number of this.enums.find(word)) results.push({ kind: "enum", name: enums[number] });
    if (wanted("member")) results.push(...this.findMembers(word));
    // Names that equal the word come first, of whatever kind they are.
    const whole = results.filter(({ name, member }) => (member ?? name).toLowerCase() === word);
    return whole.length === 0 ? results : [...whole, ...results.filter((result) => !whole.includes(result))];
  }

  /** Members by their name, or by `struct.member`. @param {string} word @returns {Result[]} */
  findMembers(word) {
    const { members } = this;
    if (!members) return [];
    const point = word.lastIndexOf(".");
    const [owner, name] = point < 0 ? ["", word] : [word.slice(0, point), word.slice(point + 1)];
    const { structs } = this.store.index;
    /** @type {Result[]} */
    const results = [];
    if (owner !== "") {
      for (const number of this.structs.find(owner).slice(0, 50)) {
        let at = this.owners.indexOf(number);
        for (; at >= 0 && this.owners[at] === number; at++) {
          if (members.names[at].toLowerCase().includes(name)) {
            results.push({ kind: "member", name: structs[number], member: members.names[at] });
          }
        }
      }
      return results;
    }
    for (const number of members.find(name)) {
      results.push({ kind: "member", name: structs[this.owners[number]], member: members.names[number] });
    }
    // Users rarely look for members of unnamed types, so these come last.
    const unnamed = (/** @type {Result} */ { name }) => name.startsWith("__unnamed_");
    return [...results.filter((result) => !unnamed(result)), ...results.filter(unnamed)];
  }
}
