//  What the browser tests share: a cluster with its page in a private folder, a headless Chromium, and people who
//  look at the page. Whatever a page complains of is a failure: errors in its console, requests that fail, a policy that
//  it breaks, a request to elsewhere. Everything that is started is ended by its process id, and every wait has a deadline.
//
//      const stage = new Stage ({ nodes: 3 });
//      stage.test ("a file can be renamed", async scene => {
//          const person = await scene.person ();
//          ...
//      });

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const SOURCE = path.dirname(path.dirname(HERE));
export const BIN = path.resolve(process.env.FST_BIN ?? path.join(SOURCE, "build/bin"));
const MODULES = path.resolve(process.env.FST_WEB_MODULES ?? path.join(SOURCE, "build/web"));
const FAILURES = path.join(SOURCE, "build/web/failures");

export const PASSWORD = "correct horse ü 7";
const READY_MS = 40000;         //  A machine that is busy with other tests is slow
const STOP_MS = 10000;
const WAIT_MS = 45000;          //  What a person waits for on the page
const TEST_MS = 240000;

const require = createRequire(path.join(MODULES, "package.json"));

function needed(name) {
    try {
        return require(name);
    }
    catch (error) {
        throw new Error(`there is no ${name} in ${MODULES}: run tests/web/install build/web`, { cause: error });
    }
}

const { chromium } = needed("playwright-core");
export const AXE = require.resolve("axe-core/axe.min.js");

export async function browse() {
    const found = [process.env.CHROMIUM, "/usr/bin/chromium"].find(file => file && fs.existsSync(file));
    assert(found, "there is no Chromium: run docker/install test");
    return chromium.launch({ executablePath: found, args: ["--disable-dev-shm-usage"] });
}

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

//  Poll a condition that is not on a page; its value, or an error at the deadline.
export async function until(condition, what, ms = WAIT_MS) {
    for (const deadline = Date.now() + ms; ;) {
        const value = await condition();
        if (value)
            return value;
        assert(Date.now() < deadline, `not within ${ms} ms: ${what}`);
        await pause(30);
    }
}

export function random(bytes) {
    return crypto.randomBytes(bytes);
}

export const digest = data => crypto.createHash("sha256").update(data).digest("hex");

export async function digestOfFile(file) {
    const hash = crypto.createHash("sha256");
    for await (const piece of fs.createReadStream(file))
        hash.update(piece);
    return hash.digest("hex");
}

//  A file of so many random octets, written in pieces.
export function randomFile(file, bytes) {
    const handle = fs.openSync(file, "w");
    const hash = crypto.createHash("sha256");
    for (let left = bytes; left > 0;) {
        const piece = random(Math.min(left, 1 << 22));
        fs.writeSync(handle, piece);
        hash.update(piece);
        left -= piece.length;
    }
    fs.closeSync(handle);
    return hash.digest("hex");
}

async function freePort() {
    for (;;) {
        const port = 15000 + crypto.randomInt(17000);       //  Below what the system gives out by itself
        const server = net.createServer();
        const free = await new Promise(resolve => {
            server.once("error", () => resolve(false));
            server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
        });
        if (free)
            return port;
    }
}

//  ---- Processes

//  One filestored or actor, up to its ready line and to its end. It dies with the test, also if the test is killed.
class Process {
    constructor(name, folder, args, program = "filestored") {
        this.name = name;
        this.log = path.join(folder, `${name}.log`);
        const log = fs.openSync(this.log, "a");
        this.child = spawn("setpriv", ["--pdeathsig", "KILL", path.join(BIN, program), ...args], { stdio: ["ignore", "pipe", log] });
        fs.closeSync(log);
        this.output = "";
        this.child.stdout.setEncoding("utf8").on("data", text => (this.output += text));
        this.ended = new Promise(resolve => this.child.once("exit", (code, signal) => resolve(signal ?? code)));
        this.ended.then(how => (this.end = how));
    }

    async ready() {
        await until(() => /^ready.*\n/m.test(this.output) || this.end !== undefined, `${this.name} ready`, READY_MS);
        if (this.end !== undefined)
            throw new Error(`${this.name} ended with ${this.end}:\n${this.tail()}`);
    }

    tail(lines = 20) {
        return fs.readFileSync(this.log, "utf8").split("\n").slice(-lines).join("\n");
    }

    async kill() {
        this.child.kill("SIGKILL");
        await this.ended;
    }

    //  Ask it to end; it must end cleanly, and not before it was asked.
    async stop() {
        assert.equal(this.end, undefined, `${this.name} ended by itself with ${this.end}:\n${this.end !== undefined && this.tail()}`);
        this.child.kill("SIGTERM");
        const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
        const how = await this.ended;
        clearTimeout(timer);
        assert.equal(how, 0, `${this.name} ended with ${how}:\n${this.tail()}`);
    }
}

//  All parts in one process with the page, or each in its own (separate) with a bridge beside them.
export class Cluster {
    constructor({ separate = false, nodes = 3, sets = [] } = {}) {
        this.root = fs.mkdtempSync(path.join(os.tmpdir(), "fst-web-"));
        this.folder = path.join(this.root, "data");
        this.separate = separate;
        this.nodes = nodes;
        this.sets = ["hash-memory=1 MiB", "hash-passes=1", ...sets].flatMap(set => ["--set", set]);
        this.processes = new Map();
        this.secrets = [PASSWORD];
    }

    async start() {
        this.port = await freePort();
        this.url = `http://127.0.0.1:${this.port}`;
        if (this.separate)
            await promisify(execFile)(path.join(BIN, "filestored"), ["init", this.folder, "--nodes", String(this.nodes)]);
        for (const name of this.names)
            this.launch(name);
        for (const process of this.processes.values())
            await process.ready();
    }

    get names() {
        if (!this.separate)
            return ["filestored"];
        return ["broker", "auth", "metadata", ...Array.from({ length: this.nodes }, (_, at) => `node-${at + 1}`), "bridge"];
    }

    args(name) {
        const web = `127.0.0.1:${this.port}`;
        if (!this.separate)
            return ["--data", this.folder, "--web", web, "--set", `nodes=${this.nodes}`, ...this.sets];
        const part = name.startsWith("node-") ? "storage" : name;
        return [part, "--config", path.join(this.folder, `${name}.zpl`), ...this.sets, ...(part === "bridge" ? ["--set", `web=${web}`] : [])];
    }

    launch(name) {
        this.processes.set(name, new Process(name, this.root, this.args(name)));
    }

    //  Enrol an actor and start it: filestore-NAME with these rights and settings.
    async enrol(name, rights, settings = []) {
        const run = (...args) => promisify(execFile)(path.join(BIN, "filestored"), args);
        const folder = path.join(this.root, name);
        const { stdout } = await run("enrol", name, "--role", `actor:${name}`, ...rights, "--data", this.folder);
        await run("join", stdout.trim(), folder);
        this.processes.set(name, new Process(name, this.root, ["--config", path.join(folder, `${name}.zpl`), ...settings.flatMap(set => ["--set", set])], `filestore-${name}`));
        await this.processes.get(name).ready();
    }

    async kill(name) {
        await this.processes.get(name).kill();
        this.processes.delete(name);
    }

    async restart(name) {
        this.launch(name);
        await this.processes.get(name).ready();
    }

    //  A request to the bridge, as a script makes it. What: { token, json, body, headers }.
    async request(method, where, { token, json, body, headers = {} } = {}) {
        if (token)
            headers = { ...headers, Authorization: `Bearer ${token}` };
        if (json !== undefined) {
            headers = { ...headers, "Content-Type": "application/json" };
            body = JSON.stringify(json);
        }
        return fetch(this.url + where, { method, headers, body, duplex: "half", redirect: "error" });
    }

    //  The same, and it must work; the JSON of the reply.
    async api(method, where, options) {
        const response = await this.request(method, `/api/v1${where}`, options);
        const text = await response.text();
        assert(response.ok, `${method} ${where}: ${response.status} ${text}`);
        return text ? JSON.parse(text) : {};
    }

    //  A new account: { name, password, token }. The first one of a cluster is the admin.
    async account(name) {
        const { token } = await this.api("POST", "/accounts", { json: { name, password: PASSWORD, token: true } });
        assert(token, "registering gave no token");
        this.secrets.push(token);
        return { name, password: PASSWORD, token };
    }

    put(account, name, body, options = {}) {
        return this.api("PUT", `/files/${encode(name)}`, { token: account.token, body, ...options });
    }

    async get(account, name) {
        const response = await this.request("GET", `/api/v1/files/${encode(name)}`, { token: account.token });
        assert(response.ok, `GET ${name}: ${response.status}`);
        return Buffer.from(await response.arrayBuffer());
    }

    //  SHA-256 of a file in the store, without holding it in memory.
    async digest(account, name) {
        const response = await this.request("GET", `/api/v1/files/${encode(name)}`, { token: account.token });
        assert(response.ok, `GET ${name}: ${response.status}`);
        const hash = crypto.createHash("sha256");
        for await (const piece of response.body)
            hash.update(piece);
        return hash.digest("hex");
    }

    async exists(account, name) {
        const response = await this.request("HEAD", `/api/v1/files/${encode(name)}`, { token: account.token });
        return response.ok;
    }

    //  The command line, as this person; what it prints.
    async filestore(account, ...args) {
        const session = path.join(this.root, `session-${account.name}`);
        fs.writeFileSync(session, account.token, { mode: 0o600 });
        const environment = { ...process.env, HOME: this.root, FILESTORE_SESSION: session, FILESTORE_CONFIG: path.join(this.folder, "client.zpl"), LC_ALL: "C.UTF-8" };
        return (await promisify(execFile)(path.join(BIN, "filestore"), args, { env: environment })).stdout;
    }

    //  No secret in any log, and no assertion that failed.
    checkLogs() {
        const logs = fs.readdirSync(this.root).filter(file => file.endsWith(".log"))
            .map(file => fs.readFileSync(path.join(this.root, file), "utf8")).join("");
        for (const secret of this.secrets)
            assert(!logs.includes(secret), "a log holds a secret");
        for (const word of ["Assertion", "dangling", "Sanitizer"])
            assert(!logs.includes(word), `a log holds ${word}:\n${logs.slice(-4000)}`);
    }

    tails() {
        return [...this.processes.values()].map(process => `-- ${process.name}\n${process.tail()}`).join("\n");
    }

    async destroy() {
        const problems = [];
        for (const process of [...this.processes.values()].reverse())
            await process.stop().catch(error => problems.push(error));
        try {
            this.checkLogs();
            if (problems.length)
                throw problems[0];
        }
        finally {
            fs.rmSync(this.root, { recursive: true, force: true });
        }
    }
}

//  A path of the store in a URL.
export const encode = name => name.replace(/^\//, "").split("/").map(encodeURIComponent).join("/");

//  ---- People

//  One browser context with one page, and all that went wrong there.
export class Person {
    constructor(scene, account, context) {
        this.scene = scene;
        this.cluster = scene.cluster;
        this.account = account;
        this.context = context;
        this.problems = [];
        this.expected = [];
    }

    async open(where = "/") {
        this.page = await this.context.newPage();
        this.page.setDefaultTimeout(WAIT_MS);
        this.watch(this.page);
        await this.page.goto(this.cluster.url + where);
        return this.page;
    }

    watch(page) {
        const tell = text => this.problems.push(text);
        page.on("console", message => ["error", "warning"].includes(message.type()) && tell(`console: ${message.text()} (${message.location().url})`));
        page.on("pageerror", error => tell(`exception: ${error.stack ?? error}`));
        page.on("crash", () => tell("the page crashed"));
        page.on("requestfailed", request => {
            const why = request.failure()?.errorText;
            if (why !== "net::ERR_ABORTED")         //  The page itself ended it, or was left
                tell(`request failed: ${request.method()} ${request.url()} ${why}`);
        });
        page.on("request", request => {
            if (!/^(data|blob|about|chrome|chrome-extension):/.test(request.url()) && new URL(request.url()).origin !== this.cluster.url)
                tell(`request to elsewhere: ${request.url()}`);
        });
    }

    //  Complaints that match belong to this test (a wrong password is an error in the console).
    expect(...patterns) {
        this.expected.push(...patterns);
    }

    complaints() {
        //  Tests of hosts make network devices on this machine meanwhile, and the browser ends what it is loading
        const expected = [...this.expected, /net::ERR_NETWORK_CHANGED/];
        return this.problems.filter(text => !expected.some(pattern => pattern.test(text)));
    }

    home(name = "") {
        return `/users/${this.account.name}${name && `/${name}`}`;
    }

    put(name, body, options) {
        return this.cluster.put(this.account, this.home(name), body, options);
    }

    makeFolder(name) {
        return this.cluster.api("POST", "/folders", { token: this.account.token, json: { path: this.home(name), parents: true } });
    }

    get(name) {
        return this.cluster.get(this.account, this.home(name));
    }

    exists(name) {
        return this.cluster.exists(this.account, this.home(name));
    }

    //  What axe-core finds on the page as it is.
    async axe() {
        if (!await this.page.evaluate(() => "axe" in globalThis))
            await this.context.newCDPSession(this.page).then(session =>
                session.send("Runtime.evaluate", { expression: fs.readFileSync(AXE, "utf8") }));     //  Not subject to the page's policy
        const results = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        return results.violations.map(rule => `${rule.id}: ${rule.help}\n` + rule.nodes.slice(0, 4).map(node =>
            `    ${node.target.join(" ")}: ${node.failureSummary.replace(/\s+/g, " ")}`).join("\n"));
    }
}

//  What one test has: people, made as needed, and the file's cluster.
class Scene {
    constructor(stage) {
        this.stage = stage;
        this.cluster = stage.cluster;
        this.people = [];
    }

    //  Someone whom the store does not know: a browser without a session.
    async stranger({ open = "/", ...options } = {}) {
        return this.enter(null, open, options);
    }

    //  Someone with an account of their own (or account), signed in and looking at their files.
    async person({ account, open = "/", ...options } = {}) {
        account ??= await this.cluster.account(`p${++this.stage.count}`);
        return this.enter(account, open, options);
    }

    async enter(account, open, options) {
        const context = await this.stage.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", acceptDownloads: true,
            reducedMotion: "reduce", ...options });
        if (account)
            await context.addCookies([{ name: "filestore", value: account.token, url: this.cluster.url, httpOnly: true, sameSite: "Strict" }]);
        const person = new Person(this, account, context);
        this.people.push(person);
        if (open !== null)
            await person.open(open);
        return person;
    }

    folder() {
        return fs.mkdtempSync(path.join(this.cluster.root, "local-"));
    }

    async leave() {
        for (const person of this.people)
            await person.context.close();
    }
}

//  The cluster and the browser of a file of tests.
export class Stage {
    constructor({ first = false, ...options } = {}) {
        this.count = 0;
        before(async () => {
            this.cluster = new Cluster(options);
            this.browser = await browse();
            await this.cluster.start();
            if (!first)
                this.admin = await this.cluster.account("admin");
        });
        after(async () => {
            await this.browser?.close();
            await this.cluster.destroy();
        });
    }

    test(name, body, { timeout = TEST_MS } = {}) {
        test(name, { timeout }, async () => {
            const scene = new Scene(this);
            try {
                await body(scene);
                for (const person of scene.people)
                    assert.deepEqual(person.complaints(), [], "the page complained");
            }
            catch (error) {
                await this.show(name, scene);
                throw error;
            }
            finally {
                await scene.leave();
            }
        });
    }

    //  What helps to understand a failure: pictures, complaints, the end of each log.
    async show(name, scene) {
        fs.mkdirSync(FAILURES, { recursive: true });
        for (const [at, person] of scene.people.entries()) {
            const file = path.join(FAILURES, `${name.replace(/\W+/g, "-")}-${at + 1}.png`);
            await person.page?.screenshot({ path: file, timeout: 5000 }).then(() => console.error(`-- picture: ${file}`), () => {});
            person.complaints().forEach(text => console.error(`-- ${text}`));
        }
        console.error(this.cluster.tails());
    }
}

//  Every text of the page by its name, so that a test looks for the same words.
const words = fs.readFileSync(path.join(SOURCE, "client/web/text.js"), "utf8");
export const { T } = await import(`data:text/javascript,${encodeURIComponent(words)}`);
