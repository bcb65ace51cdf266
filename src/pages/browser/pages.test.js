// Opens pages in Chromium from a disk, as a user does. scripts/check-pages passes the paths of the program and the browser.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const PROGRAM = process.env.REKALL_PROFILE ?? "rekall-profile";
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";

const folder = mkdtempSync(join(tmpdir(), "pages-"));
const at = (name) => `file://${join(folder, name)}`;
const run = (...line) => execFileSync(PROGRAM, line, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });

/** Names that would become markup, end a script or run code if a page did not treat them as text. */
const HOSTILE = [
  "<img src=x onerror=window.hacked=1>", "</script><script>window.hacked=1</script>", "'\"><b>bold</b>", "a/b?build=c&d#e",
  "javascript:window.hacked=1", "${window.hacked=1}", "__proto__", "constructor", "line\nfeed", "\u202egnp.exe", "]]>", "%3Cb%3E",
];

/** The JSON of a profile. */
function profile(release, structs, constants = {}, enums = {}) {
  const labels = Object.entries(enums);
  return JSON.stringify({
    $METADATA: { Type: "Profile", ProfileClass: "Linux", arch: "AMD64", Release: release },
    $STRUCTS: structs,
    $CONSTANTS: constants,
    $ENUMS: Object.fromEntries(labels.map(([name, list]) => [name, Object.fromEntries(list.map(([label, value]) => [value, label]))])),
    $REVENUMS: Object.fromEntries(labels.map(([name, list]) => [name, Object.fromEntries(list)])),
  });
}

/** A small kernel in which `pid` is at `offset`. */
function small(release, offset, more = {}) {
  const pointer = (target) => ["Pointer", { target }];
  const structs = {
    list_head: [16, { next: [0, pointer("list_head")], prev: [8, pointer("list_head")] }],
    mm_struct: [8, { pgd: [0, pointer("Void")] }],
    __unnamed_task_struct_u1: [8, { raw: [0, ["unsigned long"]], part: [0, ["int"]] }],
    task_struct: [128, {
      tasks: [0, ["list_head"]], mm: [16, pointer("mm_struct")], pid: [offset, ["int"]],
      flag: [28, ["BitField", { start_bit: 1, end_bit: 4, target: "unsigned int" }]],
      state: [64, ["Enumeration", { enum_name: "state", target: "unsigned int" }]],
      u1: [72, ["__unnamed_task_struct_u1"]], comm: [80, ["Array", { count: 16, target: "char" }]], ...more,
    }],
  };
  const base = 2 ** 47;
  return profile(release, structs, { init_task: base + 4096, linux_banner: base + 8192 }, { state: [["RUNNING", 0], ["SLEEPING", 1]] });
}

/** As many structs, members and symbols as a kernel has. */
function large() {
  const structs = {};
  for (let number = 0; number < 12500; number++) {
    const members = {};
    for (let member = 0; member < 9; member++) members[`field_${member}_of_${number % 700}`] = [member * 8, member % 3 ? ["unsigned long"] : ["Pointer", { target: `struct_${number + 1}` }]];
    structs[`struct_${number}`] = [80, members];
  }
  const symbols = {};
  for (let number = 0; number < 190000; number++) symbols[`symbol_${number}_name`] = 2 ** 47 + number * 48;
  return profile("large", structs, symbols);
}

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("playwright-core").Page} */
let page;
/** Errors in the page, and requests that it must not make. @type {string[]} */
let troubles = [];

before(async () => {
  writeFileSync(join(folder, "old.json"), small("6.1.0", 24));
  writeFileSync(join(folder, "mid.json"), small("6.2.0", 24));
  writeFileSync(join(folder, "new.json"), small("6.3.0", 32, { added: [104, ["int"]] }));
  const members = Object.fromEntries(HOSTILE.map((name, number) => [name, [number * 4, ["int"]]]));
  const structs = Object.fromEntries(HOSTILE.map((name) => [name, [64, members]]));
  const symbols = Object.fromEntries(HOSTILE.map((name, number) => [name, 4096 + number * 16]));
  writeFileSync(join(folder, "hostile.json"), profile(HOSTILE[1], structs, symbols, { [HOSTILE[0]]: [[HOSTILE[1], 1]] }));
  writeFileSync(join(folder, "large.json"), large());
  run("report", "old.json", "-q", "-o", "one.html");
  run("report", "mid.json", "new.json", "-q", "-o", "two.html");
  run("report", "hostile.json", "-q", "-o", "hostile.html");
  run("report", "large.json", "-q", "-o", "large.html");
  run("site", "old.json", "mid.json", "new.json", "-q", "-o", "site");
  browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox", "--disable-gpu"] });
  page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
  page.on("request", (request) => request.url().startsWith("file://") || request.url().startsWith("about:") || troubles.push(request.url()));
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

async function open(address) {
  troubles = [];
  await page.goto("about:blank");
  await page.goto(at(address));
  await page.waitForFunction(() => document.documentElement.dataset.ready);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.ready), "true", await page.textContent("#main"));
}

const text = (selector) => page.locator(selector).allInnerTexts();
const results = () => text(".result .label");

test("a struct is drawn with offsets, padding and bits", async () => {
  await open("one.html#struct/task_struct");
  const rows = await text(".body > .row");
  assert.equal(rows.length, 10, rows.join("\n"));
  const row = (name) => rows.find((line) => line.includes(name))?.replace(/\s+/g, " ");
  assert.equal(row("pid"), "0x018 4 int pid;");
  assert.match(row("flag") ?? "", /0x01c 3 bits unsigned int flag : 3;/);
  assert.equal(await page.locator(".bits i").count(), 32);
  assert.equal(await page.locator(".bits i.on").count(), 3);
  assert.ok(rows.some((line) => line.includes("32 bytes of padding")), rows.join("\n"));
  assert.ok((await text("h2")).some((title) => /used by/i.test(title)) === false);
  // A struct in it is opened in place, with offsets from the start of the shown struct.
  await page.click('[aria-label="Open __unnamed_task_struct_u1"]');
  assert.deepEqual(await text(".nested .offset"), ["0x048", "0x048 ∪"].map((offset) => offset.split(" ")[0]));
  await page.click(".body .type >> text=mm_struct");
  await page.waitForSelector("h1:has-text('mm_struct')");
  await page.waitForSelector("h2:has-text('Used by')");
  assert.match((await text("#main")).join(), /USED BY 1\s+task_struct/i);
  assert.deepEqual(troubles, []);
});

test("search finds names of every kind while the user types, and keys open them", async () => {
  await open("one.html");
  await page.keyboard.press("/");
  await page.keyboard.type("pid");
  assert.deepEqual(await results(), ["task_struct.pid"]);
  await page.fill("#search", "task_struct.m");
  assert.ok((await results()).includes("task_struct.mm"));
  await page.fill("#search", "init_task");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('init_task')");
  assert.match(page.url(), /#symbol\/init_task$/);
  assert.match((await text("#main")).join(), /0x800000001000/);
  await page.fill("#search", "state");
  await page.click(".result.enum");
  await page.waitForSelector("h1:has-text('enum state')");
  assert.deepEqual(await text(".labels th"), ["RUNNING", "SLEEPING"]);
  // The link of a member shows the member.
  await open("one.html#struct/task_struct/comm");
  assert.match((await text(".row.chosen")).join(), /char comm\[16\];/);
  await open("one.html#struct/none");
  assert.match((await text("#main")).join(), /6\.1\.0 has no struct named none\./);
  assert.deepEqual(troubles, []);
});

test("two builds are compared side by side", async () => {
  await open("two.html#changes");
  const main = (await text("#main")).join();
  assert.match(main, /STRUCTS CHANGED 1\s+task_struct/i);
  assert.match(main, /not moved\s+2 symbols/);
  await page.click('.chip >> text="task_struct"');
  await page.waitForSelector(".pair");
  assert.deepEqual((await text(".pair .moved")).map((row) => row.replace(/\s+/g, " ")), ["moved 0x018 int pid; 0x020 int pid;"]);
  assert.deepEqual((await text(".pair .added")).map((row) => row.replace(/\s+/g, " ")), ["added – 0x068 int added;"]);
  await page.check(".toggle input");
  assert.equal(await page.locator(".pair .row:visible").count(), 3);
  assert.deepEqual(troubles, []);
});

test("a site shows a member in every build", async () => {
  await open("site/index.html#struct/task_struct/pid?build=6.1.0");
  await page.waitForSelector(".moment");
  const moments = (await text(".moment")).map((row) => row.replace(/\s+/g, " "));
  assert.deepEqual(moments, ["size 128 bytes", "pid 0x018 0x020", "added – 0x068"]);
  assert.match((await text(".row.chosen")).join().replace(/\s+/g, " "), /0x018 4 int pid;/);
  await page.click(".moment.chosen .segment >> nth=1");
  await page.waitForFunction(() => document.querySelector(".row.chosen")?.textContent?.includes("0x020"));
  assert.match(page.url(), /build=6\.3\.0$/);
  await page.selectOption("#other", "1");
  await page.waitForSelector(".pair");
  assert.match(page.url(), /build=6\.3\.0&with=6\.2\.0$/);
  assert.deepEqual(troubles, []);
});

test("names never become markup", async () => {
  await open("hostile.html");
  assert.equal((await results()).length, HOSTILE.length);
  for (const kind of ["struct", "enum", "symbol"]) {
    for (const name of kind === "enum" ? HOSTILE.slice(0, 1) : HOSTILE) {
      await page.evaluate((hash) => { location.hash = hash; }, `#${kind}/${encodeURIComponent(name)}`);
      await page.waitForFunction((wanted) => document.querySelector("h1")?.textContent?.endsWith(wanted), name);
    }
  }
  await page.evaluate((hash) => { location.hash = hash; }, `#struct/${encodeURIComponent(HOSTILE[0])}/${encodeURIComponent(HOSTILE[1])}`);
  await page.waitForSelector(".row.chosen");
  assert.equal(await page.locator(".body .row.chosen .name").textContent(), HOSTILE[1]);
  assert.equal(await page.evaluate(() => document.querySelectorAll("#main img, #main script, #main b, #side b").length), 0);
  assert.equal(await page.evaluate(() => Reflect.get(window, "hacked")), undefined);
  assert.deepEqual(troubles, []);
});

test("a whole kernel opens in two seconds and is searched without delay", async () => {
  // The best of three: other programs may run on the machine.
  let [opened, searched] = [Infinity, Infinity];
  for (let turn = 0; turn < 3 && (opened > 2000 || searched > 100); turn++) {
    const start = Date.now();
    await open("large.html#struct/struct_77");
    opened = Math.min(opened, Date.now() - start);
    searched = Math.min(searched, await page.evaluate(() => {
      const input = /** @type {HTMLInputElement} */ (document.getElementById("search"));
      const times = ["s", "sy", "symbol_7", "field_3_of_65", "struct_77.fi", "zzz"].map((word) => {
        const start = performance.now();
        input.value = word;
        input.dispatchEvent(new Event("input"));
        document.getElementById("results")?.getBoundingClientRect();
        return performance.now() - start;
      });
      return Math.max(...times);
    }));
  }
  assert.ok(opened < 2000, `${opened} ms to open`);
  assert.ok(searched < 100, `${searched} ms to search`);
  assert.ok(await page.locator(".result").count() < 60);
  const bytes = statSync(join(folder, "large.html")).size;
  assert.ok(bytes < 4_000_000, `${bytes} bytes`);
  assert.deepEqual(troubles, []);
});

test("it is readable in the dark and on a narrow screen", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await open("one.html#struct/task_struct");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.keyboard.press("t");
  assert.notEqual(await ground(), dark);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 380, height: 700 });
  await open("one.html#struct/task_struct");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "wider than the screen");
  assert.equal(await page.locator("#results").isVisible(), false);
  await page.fill("#search", "mm_struct");
  assert.equal(await page.locator("#results").isVisible(), true);
  await page.click(".result >> nth=0");
  await page.waitForSelector("h1:has-text('mm_struct')");
  assert.equal(await page.locator("#main").isVisible(), true);
  await page.setViewportSize({ width: 1200, height: 800 });
  assert.deepEqual(troubles, []);
});

test("the same profiles give the same files", () => {
  run("site", "old.json", "mid.json", "new.json", "-q", "-o", "again");
  const files = (name) => readdirSync(join(folder, name, "data")).sort();
  assert.deepEqual(files("again"), files("site"));
});
