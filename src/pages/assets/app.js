// @ts-check
// The frame of a page: the search and its results, the choice of builds, the keyboard, and the address.

/** The list of results. Only the visible results are elements of the page. */
class List {
  static HEIGHT = 40;

  /** @param {HTMLElement} box @param {(result: Result) => HTMLElement} draw */
  constructor(box, draw) {
    this.box = box;
    this.draw = draw;
    /** @type {Result[]} */
    this.results = [];
    this.chosen = -1;
    this.space = h("div", { class: "space", role: "presentation" });
    box.append(this.space);
    box.addEventListener("scroll", () => this.refresh(), { passive: true });
    new ResizeObserver(() => this.refresh()).observe(box);
  }

  /** @param {Result[]} results */
  show(results) {
    this.results = results;
    this.chosen = -1;
    this.box.scrollTop = 0;
    // Browsers cannot scroll further than about ten million pixels.
    this.space.style.height = `${Math.min(results.length * List.HEIGHT, 12000000)}px`;
    this.refresh();
  }

  refresh() {
    const first = Math.max(Math.floor(this.box.scrollTop / List.HEIGHT) - 4, 0);
    const last = Math.min(first + Math.ceil(this.box.clientHeight / List.HEIGHT) + 8, this.results.length);
    const rows = [];
    for (let at = first; at < last; at++) {
      const row = this.draw(this.results[at]);
      row.style.top = `${at * List.HEIGHT}px`;
      row.id = `result-${at}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(at === this.chosen));
      rows.push(row);
    }
    this.space.replaceChildren(...rows);
  }

  /** Moves the choice by a number of results. @param {number} by @returns {string} the id of the chosen element */
  move(by) {
    this.chosen = Math.min(Math.max(this.chosen + by, 0), this.results.length - 1);
    const top = this.chosen * List.HEIGHT;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const bottom = top + List.HEIGHT - this.box.clientHeight;
    if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
    this.refresh();
    return `result-${this.chosen}`;
  }
}

/** The element with this id. @param {string} id @returns {any} */
function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}.`);
  return found;
}

class Page {
  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.search = new Search(store);
    this.views = new Views(store);
    this.route = routeOf(store, location.hash);
    this.only = "all";
    this.turn = 0;
    this.input = byId("search");
    this.list = new List(byId("results"), (result) => this.result(result));
    this.chooseBuilds();
    this.listen();
  }

  async start() {
    this.find();
    const drawn = this.go();
    // Data that the first screen does not need is read after it is drawn.
    await new Promise((resolve) => setTimeout(resolve));
    await Promise.all([drawn, this.search.addMembers(), this.search.addSymbols(this.route.build)]);
    this.find();
    document.documentElement.dataset.ready = "true";
  }

  chooseBuilds() {
    const { builds } = this.store;
    const box = byId("builds");
    if (builds.length < 2) {
      box.textContent = this.store.index.title;
      return;
    }
    const choice = (/** @type {string} */ label, /** @type {boolean} */ second) => {
      const select = h("select", { id: second ? "other" : "build", "aria-label": label, onchange: (/** @type {any} */ event) => {
        const chosen = event.target.value === "" ? undefined : Number(event.target.value);
        const route = second ? { ...this.route, other: chosen } : { ...this.route, build: chosen ?? 0 };
        location.assign(address(this.store, route));
      } });
      if (second) select.append(h("option", { value: "" }, "no other build"));
      builds.forEach((build, at) => select.append(h("option", { value: at }, build.title)));
      return select;
    };
    box.append(choice("Build", false), h("span", {}, "with"), choice("Build to compare with", true));
  }

  listen() {
    this.input.addEventListener("input", () => this.find());
    this.input.addEventListener("focus", () => document.body.classList.add("searching"));
    this.input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    byId("kinds").addEventListener("click", (/** @type {any} */ event) => {
      const kind = event.target.dataset?.kind;
      if (!kind) return;
      this.only = kind;
      for (const button of byId("kinds").children) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
      this.find();
    });
    byId("theme").addEventListener("click", () => this.changeTheme());
    addEventListener("hashchange", () => this.go());
    addEventListener("keydown", (event) => {
      const typing = event.target instanceof Element && event.target.matches("input, select, textarea");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") {
        event.preventDefault();
        this.input.focus();
        this.input.select();
      } else if (event.key === "t") this.changeTheme();
    });
  }

  changeTheme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step !== undefined) {
      event.preventDefault();
      this.input.setAttribute("aria-activedescendant", this.list.move(step));
    } else if (event.key === "Enter") {
      const result = this.list.results[Math.max(this.list.chosen, 0)];
      if (result) this.open(result);
    } else if (event.key === "Escape") {
      this.input.value = "";
      this.find();
      this.input.blur();
      document.body.classList.remove("searching");
    }
  }

  find() {
    const results = this.search.find(this.input.value, this.route.build, this.only);
    this.list.show(results);
    this.input.removeAttribute("aria-activedescendant");
    byId("found").textContent = results.length === 0 ? "Nothing found" : `${results.length.toLocaleString("en")} found`;
  }

  /** @param {Result} result */
  href({ kind, name, member = "" }) {
    const { build, other } = this.route;
    return address(this.store, { kind: kind === "member" ? "struct" : kind, name, member, build, other });
  }

  /** @param {Result} result */
  open(result) {
    document.body.classList.remove("searching");
    this.input.blur();
    location.assign(this.href(result));
  }

  /** @param {Result} result */
  result(result) {
    const { kind, name, member } = result;
    return h("a", { href: this.href(result), class: `result ${kind}`, tabindex: -1, onclick: () => document.body.classList.remove("searching") },
      h("span", { class: "tag" }, kind), h("span", { class: "label" }, member === undefined ? name : h("span", { class: "owner" }, `${name}.`), member));
  }

  /** Shows the view that the address names. */
  async go() {
    const turn = ++this.turn;
    const route = routeOf(this.store, location.hash);
    const changed = route.build !== this.route.build;
    this.route = route;
    const main = byId("main");
    if (this.store.builds.length > 1) {
      byId("build").value = String(route.build);
      byId("other").value = route.other === undefined ? "" : String(route.other);
    }
    try {
      const parts = await this.views.draw(route);
      // The user has gone elsewhere since.
      if (turn !== this.turn) return;
      main.replaceChildren(...parts);
    } catch (error) {
      main.replaceChildren(h("p", { class: "missing" }, error instanceof Error ? error.message : String(error)));
    }
    document.title = [route.name, this.store.index.title].filter(Boolean).join(" · ");
    document.body.classList.toggle("home", route.kind === "");
    const chosen = route.member === "" ? null : main.querySelector(".row.chosen");
    if (chosen) chosen.scrollIntoView({ block: "center" });
    else main.scrollTop = 0;
    if (changed) {
      await this.search.addSymbols(route.build);
      this.find();
    }
  }
}

(async () => {
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("This browser is too old for the page: it has no DecompressionStream.");
    const page = new Page(await Store.open());
    await page.start();
  } catch (error) {
    byId("main").replaceChildren(h("p", { class: "missing" }, error instanceof Error ? error.message : String(error)));
    document.documentElement.dataset.ready = "failed";
  }
})();
