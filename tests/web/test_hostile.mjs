//  What is in the store may be hostile: content and names run no script in the page's origin, wherever they are shown.

import assert from "node:assert/strict";
import { Stage, T, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const stage = new Stage();
const SCRIPT = "globalThis.pwned = 1; try { parent.pwned = 1; top.pwned = 1; opener.pwned = 1; } catch {} fetch('/api/v1/folders', { method: 'POST',"
    + " headers: { 'Content-Type': 'application/json', 'X-Filestore': '1' }, body: JSON.stringify({ path: 'pwned' }) });";
const HTML = `<!doctype html><title>x</title><script>${SCRIPT}</script><img src=x onerror="${SCRIPT}"><form action=/api/v1/folders method=post></form>`;
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" onload="${SCRIPT}"><script>${SCRIPT}</script><foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="${SCRIPT}"/></body></foreignObject></svg>`;
const XML = `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="data:text/xml,x"?><html xmlns="http://www.w3.org/1999/xhtml"><script>${SCRIPT}</script></html>`;
const CONTENTS = { "a.html": HTML, "a.htm": HTML, "a.xhtml": XML, "a.svg": SVG, "a.svgz": SVG, "a.xml": XML, "a.xsl": XML, "a.mht": HTML, "a.shtml": HTML, "noext": HTML,
    "a.txt": HTML, "a.js": SCRIPT, "a.json": HTML, "a.png": HTML, "a.jpg": SVG, "a.pdf": HTML, "a.mp4": HTML, "a.mp3": HTML, "a.css": HTML, "a.wasm": HTML, "a.swf": HTML };

async function harmed(person) {
    return await person.exists("pwned") || (await Promise.all(person.context.pages().flatMap(page => page.frames()).map(frame =>
        frame.evaluate(() => globalThis.pwned === 1).catch(() => false)))).includes(true);
}

stage.test("content that is opened by its address runs nothing and is not guessed at", async scene => {
    const person = await scene.person();
    person.expect(/./);         //  A sandboxed document complains as much as it likes
    for (const [name, content] of Object.entries(CONTENTS)) {
        await person.put(name, content);
        const response = await scene.cluster.request("GET", `/api/v1/files${person.home(name)}`, { token: person.account.token });
        const { headers } = response;
        await response.arrayBuffer();
        const policy = headers.get("content-security-policy") ?? "";
        if (headers.get("content-type") !== "application/pdf")     //  The browser's own viewer does not work in a sandbox
            assert.match(policy, /sandbox/, name);
        assert.match(policy, /default-src 'none'/, name);
        assert(!/allow-scripts|allow-same-origin|script-src/.test(policy), name);
        assert.equal(headers.get("x-content-type-options"), "nosniff", name);
        const attachment = /^attachment/.test(headers.get("content-disposition") ?? "");
        assert(attachment || !/html|svg|xml|javascript|ecmascript/i.test(headers.get("content-type")), `${name}: ${headers.get("content-type")}`);
        const page = await person.context.newPage();
        await page.goto(`${scene.cluster.url}/api/v1/files${person.home(name)}`, { waitUntil: attachment ? "commit" : "domcontentloaded" })
            .catch(error => assert(/download|ERR_ABORTED/i.test(String(error)), String(error)));
        assert.equal(await harmed(person), false, name);
        await page.close();
    }
});

stage.test("hostile content shown in the page, embedded or previewed, runs nothing", async scene => {
    const person = await scene.person();
    const { page } = person;
    const files = new Files(person);
    for (const name of ["a.html", "a.svg", "a.xml", "a.txt", "a.png", "a.pdf", "a.mp4", "a.mp3", "a.json"])
        await person.put(name, CONTENTS[name]);
    person.expect(/./);
    for (const name of ["a.html", "a.svg", "a.xml", "a.txt", "a.png", "a.pdf", "a.mp4", "a.mp3", "a.json"]) {
        await files.open(name);
        await page.getByRole("button", { name: T.close, exact: true }).first().waitFor();
        await until(() => page.evaluate(() => document.readyState === "complete"), "it is shown");
        assert.equal(await harmed(person), false, name);
        await page.keyboard.press("Escape");
        await files.shows(name);
    }
    for (const tag of ["iframe", "embed", "object"])
        for (const name of ["a.html", "a.svg", "a.pdf"]) {
            await page.evaluate(([tag, url]) => new Promise(resolve => {
                const element = document.createElement(tag);
                element[tag === "object" ? "data" : "src"] = url;
                element.onload = element.onerror = resolve;
                setTimeout(resolve, 2000);
                document.body.append(element);
            }), [tag, `/api/v1/files${person.home(name)}`]);
            assert.equal(await harmed(person), false, `${tag} ${name}`);
        }
});

stage.test("names with markup, other writing directions and great length are only names", async scene => {
    const person = await scene.person();
    const { page } = person;
    const files = new Files(person);
    const names = ["<img src=x onerror=globalThis.pwned=1>.txt", "\"><script>globalThis.pwned=1<\u2215script>", "javascript:globalThis.pwned=1", "&lt;b&gt; &amp; %3Cb%3E",
        "${globalThis.pwned=1} {{7*7}}", "\u202egnp.exe", "شهادة الميلاد.pdf", "👩‍👩‍👧‍👦 семья.txt", "Z\u0351a\u0316l\u0354g\u0321o\u0322\u0323\u0324", "x".repeat(251) + ".txt", "字".repeat(85), " spaced  out ",
        "#hash?query=1&a=b", "con\\aux:*|.txt", "constructor", "__proto__"];
    for (const name of names)
        await person.put(name, `content of ${name}`);
    await page.reload();
    for (const name of names)
        await until(async () => (await page.getByRole("grid").first().getByRole("link").allTextContents()).some(text => text === name), `${name} is listed`);
    assert.equal(await harmed(person), false);
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "a long name widens the page");
    for (const name of names.filter(name => !/^ | $|  /.test(name))) {
        await files.menu(name, T.files.remove);
        await files.lacks(name);
    }
    assert.equal(await harmed(person), false);
    for (const folder of ["<b>bold<\u2215b>", "..%2f..", "__proto__"]) {
        await files.newFolder(folder);
        await files.open(folder);
        await page.getByText(T.files.emptyTitle).waitFor();
        await files.crumb(T.files.home);
        await files.shows(folder);
    }
    assert.equal(await harmed(person), false);
});

stage.test("the page cannot be framed, and other sites cannot act for it", async scene => {
    const person = await scene.person();
    const { cluster } = scene;
    const page = await person.context.newPage();
    await page.route("http://evil.example/", route => route.fulfill({ contentType: "text/html",
        body: `<iframe src="${cluster.url}/"></iframe><form method=post enctype=text/plain action="${cluster.url}/api/v1/folders"><input name='{"path":"pwned","x":"' value='"}'></form>` }));
    person.expect(/./);
    await page.goto("http://evil.example/");
    const frame = page.frames()[1];
    await until(async () => frame.url().startsWith("chrome-error:") || await frame.locator("body").innerText().catch(() => "") === "", "the frame is refused");
    assert.equal(await frame.getByRole("navigation").count().catch(() => 0), 0);
    await page.evaluate(async url => {
        const body = JSON.stringify({ path: "pwned" });
        for (const options of [{ body }, { body, headers: { "Content-Type": "application/json" } }, { body, mode: "no-cors" }])
            await fetch(`${url}/api/v1/folders`, { method: "POST", credentials: "include", ...options }).catch(() => {});
        document.forms[0].submit();
    }, cluster.url);
    await page.waitForLoadState();
    assert.equal(await person.exists("pwned"), false);
});
