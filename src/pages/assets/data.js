// @ts-check
// The data of a page: builds, and the definitions of their structs, enumerations and symbols. The data is stored in shards.
// A shard is a text, compressed with deflate and encoded as base64. A report contains its shards; a site has a file for each.

/**
 * A type, by its first element: 0 native (name, bytes), 1 pointer (target, bytes), 2 array (element, count), 3 function
 * (arguments), 4 struct or union (name, bytes, or null behind a pointer), 5 enumeration (name, bytes), 6 wide characters
 * (bytes). null is void.
 * @typedef {null | [0, string, number] | [1, any, number] | [2, any, number] | [3, any[]] | [4, string, number | null]
 *   | [5, string, number] | [6, number]} Type
 */
/** Name, offset in bytes, type; for a bit-field also its first bit, and the bit after its last.
 * @typedef {[string, number, Type] | [string, number, Type, number, number]} Member */
/** Size in bytes, whether it is a union, and the members sorted by offset.
 * @typedef {[number, 0 | 1, Member[]]} Definition */
/** Size of a value in bytes, and the labels with their values.
 * @typedef {[number, [string, string][]]} Enumeration */
/**
 * @typedef {{id: string, title: string, metadata: [string, string][], pointer: number, bigEndian: boolean,
 *   structs: number, enums: number, symbols: number}} Build
 */
/**
 * `structRuns` has an element for each struct: 0 if all builds have its first definition, otherwise runs of three numbers
 * (the first build, the number of builds, the number of the definition).
 * @typedef {{format: 1, title: string, builds: Build[], structs: string[], structRuns: (0 | number[])[], enums: string[],
 *   enumRuns: (0 | number[])[], shard: number}} Index
 */
/** The symbols of one build, sorted by address. `functions` has the positions of those that are functions.
 * @typedef {{names: string[], addresses: BigUint64Array, functions: Set<number>, types: Map<string, Type>}} Symbols */

/** The texts of the shards that have been requested. @type {Map<string, Promise<string>>} */
const shards = new Map();
/** The functions that receive the content of a shard's file when it has been loaded. @type {Map<string, (packed: string) => void>} */
const waiting = new Map();

/** Receives the content of a shard's file; the file calls it. @param {string} name @param {string} packed */
function rekallShard(name, packed) {
  waiting.get(name)?.(packed);
}
Object.assign(globalThis, { rekallShard });

/** The text of a shard. @param {string} name @returns {Promise<string>} */
function shard(name) {
  let text = shards.get(name);
  if (!text) {
    text = packed(name).then(unpack);
    shards.set(name, text);
    // A file that could not be read may be requested again.
    text.catch(() => shards.delete(name));
  }
  return text;
}

/** The compressed text of a shard, from the page itself or from its file. @param {string} name @returns {Promise<string>} */
function packed(name) {
  const held = document.getElementById(`shard-${name}`);
  if (held) {
    const text = held.textContent ?? "";
    held.remove();
    return Promise.resolve(text.trim());
  }
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    waiting.set(name, (text) => {
      waiting.delete(name);
      script.remove();
      resolve(text);
    });
    script.onerror = () => {
      waiting.delete(name);
      script.remove();
      reject(new Error(`The file data/${name}.js, which belongs to this page, cannot be read.`));
    };
    script.src = `data/${name}.js`;
    document.head.append(script);
  });
}

/** @param {string} packed @returns {Promise<string>} */
async function unpack(packed) {
  const letters = atob(packed);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}

/** The data of a page. Shards are read when they are needed. */
class Store {
  /** @param {Index} index */
  constructor(index) {
    this.index = index;
    /** @type {Map<string, number>} */
    this.structNumbers = new Map(index.structs.map((name, number) => [name, number]));
    /** @type {Map<string, number>} */
    this.enumNumbers = new Map(index.enums.map((name, number) => [name, number]));
    /** @type {Map<string, string[]>} */
    this.lines = new Map();
    /** @type {Map<number, Promise<Symbols>>} */
    this.symbolTables = new Map();
    /** @type {Promise<string[][]> | undefined} */
    this.memberNames = undefined;
    /** @type {Promise<[Map<string, string[]>, Map<string, string[]>]> | undefined} */
    this.users = undefined;
  }

  static async open() {
    return new Store(JSON.parse(await shard("index")));
  }

  get builds() {
    return this.index.builds;
  }

  /** The number of a build's definition; undefined if it has none. @param {0 | number[]} runs @param {number} build */
  static definitionOf(runs, build) {
    if (runs === 0) return 0;
    for (let at = 0; at < runs.length; at += 3) {
      if (build >= runs[at] && build < runs[at] + runs[at + 1]) return runs[at + 2];
    }
    return undefined;
  }

  /** All definitions of the struct or enumeration with this number. @param {string} kind @param {number} number @returns {Promise<any[]>} */
  async line(kind, number) {
    const name = `${kind}-${Math.floor(number / this.index.shard)}`;
    let lines = this.lines.get(name);
    if (!lines) {
      lines = (await shard(name)).split("\n");
      this.lines.set(name, lines);
    }
    return JSON.parse(lines[number % this.index.shard]);
  }

  /** All definitions of a struct. @param {string} name @returns {Promise<Definition[] | undefined>} */
  async definitions(name) {
    const number = this.structNumbers.get(name);
    return number === undefined ? undefined : this.line("structs", number);
  }

  /** A struct in one build. @param {string} name @param {number} build @returns {Promise<Definition | undefined>} */
  async struct(name, build) {
    const number = this.structNumbers.get(name);
    if (number === undefined) return undefined;
    const which = Store.definitionOf(this.index.structRuns[number], build);
    return which === undefined ? undefined : (await this.line("structs", number))[which];
  }

  /** An enumeration in one build. @param {string} name @param {number} build @returns {Promise<Enumeration | undefined>} */
  async enumeration(name, build) {
    const number = this.enumNumbers.get(name);
    if (number === undefined) return undefined;
    const which = Store.definitionOf(this.index.enumRuns[number], build);
    return which === undefined ? undefined : (await this.line("enums", number))[which];
  }

  /** The names of the members of each struct, in any build. @returns {Promise<string[][]>} */
  members() {
    this.memberNames ??= shard("members").then((text) => JSON.parse(text));
    return this.memberNames;
  }

  /** The symbols of a build. @param {number} build @returns {Promise<Symbols>} */
  symbols(build) {
    let table = this.symbolTables.get(build);
    if (!table) {
      table = shard(`symbols-${build}`).then((text) => {
        /** @type {{names: string[], steps: (number | string)[], functions: number[], types: [number, Type][]}} */
        const { names, steps, functions, types } = JSON.parse(text);
        const addresses = new BigUint64Array(names.length);
        let address = 0n;
        steps.forEach((step, at) => {
          address += BigInt(step);
          addresses[at] = address;
        });
        // Runs alternate: the number of data symbols, the number of functions, and so on.
        const kinds = new Set();
        let at = 0;
        functions.forEach((length, turn) => {
          if (turn % 2 === 1) for (let next = at; next < at + length; next++) kinds.add(next);
          at += length;
        });
        return { names, addresses, functions: kinds, types: new Map(types.map(([at, type]) => [names[at], type])) };
      });
      this.symbolTables.set(build, table);
    }
    return table;
  }

  /** Two maps, for structs and for enumerations: the names of the structs that hold it or point to it, in any build. */
  usedBy() {
    this.users ??= shard("uses").then((text) => {
      /** @type {[Map<string, string[]>, Map<string, string[]>]} */
      const maps = [new Map(), new Map()];
      /** @type {number[][]} */
      const [structs, enums] = JSON.parse(text);
      [structs, enums].forEach((/** @type {any} */ uses, kind) => {
        const names = kind === 0 ? this.index.structs : this.index.enums;
        uses.forEach((/** @type {number[]} */ owners, /** @type {number} */ used) => {
          let at = 0;
          const list = owners.map((step) => this.index.structs[(at += step)]);
          if (list.length > 0) maps[kind].set(names[used], list);
        });
      });
      return maps;
    });
    return this.users;
  }
}
