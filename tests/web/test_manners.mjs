//  For everyone: by keyboard alone, on a phone, dark and light, with a screen reader, and small.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { PASSWORD, SOURCE, Stage, T, until } from "./harness.mjs";
import { Files } from "./files.mjs";
import { png } from "./media.mjs";

const stage = new Stage();
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

//  What tells that a view is there.
const HEADINGS = { trash: T.trash.title, shared: T.shared.title, cluster: T.cluster.title, account: T.account.sessions };

//  Press Tab until this has the focus, as someone without a mouse does.
async function tabTo(page, target, key = "Tab") {
    for (let presses = 0; presses < 80; presses++) {
        if (await target.evaluate(element => element === document.activeElement).catch(() => false)) {
            const outline = await target.evaluate(element => {
                const style = getComputedStyle(element);
                return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
            });
            assert(outline, `one does not see that ${target} has the focus`);
            return;
        }
        await page.keyboard.press(key);
    }
    assert.fail(`${target} is not reached by ${key}`);
}

stage.test("all of it works by keyboard alone", async scene => {
    const person = await scene.stranger();
    const { page } = person;
    const files = new Files(person);
    const button = name => page.getByRole("button", { name, exact: true });
    await page.getByRole("textbox", { name: T.entrance.name }).waitFor();
    await tabTo(page, button(T.entrance.toRegister));
    await page.keyboard.press("Enter");
    await tabTo(page, page.getByRole("textbox", { name: T.entrance.name }));
    await page.keyboard.type("keys");
    await tabTo(page, page.getByLabel(T.entrance.password, { exact: true }));
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: T.mainNavigation }).waitFor();
    person.account = { name: "keys", token: (await person.context.cookies()).find(one => one.name === "filestore").value };

    for (const name of ["One", "Two"]) {
        await tabTo(page, button(T.files.newFolder));
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").waitFor();
        await page.keyboard.type(name);
        await page.keyboard.press("Enter");
        await files.shows(name);
        await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    const active = files.grid.locator("[role=row][tabindex='0']");      //  The list is one stop of the Tab key
    await tabTo(page, active);
    await page.keyboard.press("Home");
    await page.keyboard.press("F2");
    await page.getByRole("textbox", { name: T.files.renameLabel("One") }).waitFor();
    await page.keyboard.press("Control+a");
    await page.keyboard.type("Eins");
    await page.keyboard.press("Enter");
    await files.listed("Eins", "Two");

    await tabTo(page, active);
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.waitForURL(/Eins$/);
    await page.getByText(T.files.emptyTitle).waitFor();
    await page.goBack();
    await files.listed("Eins", "Two");
    await tabTo(page, active);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    assert.equal(await files.row("Two").evaluate(row => row === document.activeElement), true, "the focus is given back");
    await page.keyboard.press("Delete");
    await files.listed("Eins");
    await tabTo(page, page.locator("#toasts").getByRole("button", { name: T.undo }));
    await page.keyboard.press("Enter");
    await files.listed("Eins", "Two");
    await tabTo(page, page.getByRole("link", { name: T.nav.trash, exact: true }), "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: T.trash.title, level: 1 }).waitFor();
});

stage.test("a phone shows every view without scrolling sideways, and works by touch", async scene => {
    const person = await scene.person(PHONE);
    const { page } = person;
    const files = new Files(person);
    const fits = async what => {
        const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width && box.height && box.right > innerWidth + 1 && !element.closest("[role=grid] .head") && getComputedStyle(element).position !== "fixed";
        }).map(element => element.outerHTML.slice(0, 120)));
        assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} is wider than the screen: ${wide.slice(0, 5).join("\n")}`);
    };
    await page.getByText(T.files.emptyTitle).waitFor();
    await fits("the empty folder");
    await person.put("a file with quite a long name that must not widen the page.txt", "hello");
    await person.makeFolder("Box");
    await files.shows("Box");
    await fits("the list");
    await files.upload({ name: "from phone.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
    await files.shows("from phone.txt");
    await fits("the panel of uploads");
    await files.link("from phone.txt").tap();
    await page.getByText("hello", { exact: true }).waitFor();
    await fits("the preview");
    await page.getByRole("button", { name: T.close, exact: true }).first().tap();
    await files.row("from phone.txt").getByRole("button", { name: T.list.more("from phone.txt") }).tap();
    await fits("the menu");
    await page.getByRole("menuitem", { name: T.files.rename }).tap();
    await page.getByRole("textbox", { name: T.files.renameLabel("from phone.txt") }).fill("renamed.txt");
    await page.keyboard.press("Enter");
    await files.shows("renamed.txt");
    await files.row("Box").locator(".pick").tap();
    await page.getByText(T.list.selected(1)).first().waitFor();
    await fits("the selection");
    await page.getByRole("button", { name: T.list.clear }).tap();
    await files.link("Box").tap();
    await page.getByText(T.files.emptyTitle).waitFor();
    for (const view of Object.keys(HEADINGS)) {
        await page.goto(`${scene.cluster.url}/#/${view}`);
        await page.getByRole("heading", { name: HEADINGS[view], exact: true }).waitFor();
        await fits(view);
    }
});

//  The views of the page, each with how one gets there.
const VIEWS = {
    "an empty folder": async ({ page }) => page.getByText(T.files.emptyTitle).waitFor(),
    "the list": async ({ person, files }) => {
        await person.makeFolder("Box");
        await person.put("a.txt", "hello");
        await person.put("b.png", png(64, 40));
        await files.listed("Box", "a.txt", "b.png");
    },
    "a selection": async ({ page, files }) => {
        await files.pick("Box", "a.txt");
        await page.getByText(T.list.selected(2)).first().waitFor();
    },
    "a menu": async ({ page, files }) => {
        await page.keyboard.press("Escape");
        await files.row("a.txt").getByRole("button", { name: T.list.more("a.txt") }).click();
        await page.getByRole("menu").waitFor();
    },
    "a dialog": async ({ page }) => {
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: T.files.newFolder, exact: true }).click();
        await page.getByRole("dialog").waitFor();
    },
    "the uploads": async ({ page, files }) => {
        await page.keyboard.press("Escape");
        await files.upload({ name: "c.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
        await files.uploadsDone(1);
    },
    "tiles": async ({ page, files }) => {
        await page.getByRole("button", { name: T.list.asTiles }).click();
        await files.shows("b.png");
    },
    "a search": async ({ page, files }) => {
        await files.search("nothing like it");
        await page.getByText(T.files.noMatch("nothing like it")).waitFor();
    },
    "a preview": async ({ page, files }) => {
        await page.keyboard.press("Escape");
        await files.open("a.txt");
        await page.getByText("hello", { exact: true }).waitFor();
    },
    "where a file is": async ({ page, files }) => {
        await page.keyboard.press("Escape");
        await files.menu("b.png", T.files.places);
        await page.getByText(T.places.of("b.png")).first().waitFor();
    },
    ...Object.fromEntries(Object.keys(HEADINGS).map(view => [view, async ({ page }) => {
        await page.goto(new URL(`/#/${view}`, page.url()).href);
        await page.getByRole("heading", { name: HEADINGS[view], exact: true }).waitFor();
    }])),
};

for (const colorScheme of ["light", "dark"])
    stage.test(`axe finds nothing on any view, ${colorScheme}`, async scene => {
        const person = await scene.person({ colorScheme });
        const { page } = person;
        const files = new Files(person);
        const found = [];
        for (const [view, arrive] of Object.entries(VIEWS)) {
            await arrive({ person, page, files });
            found.push(...(await person.axe()).map(text => `${view}: ${text}`));
        }
        const stranger = await scene.stranger({ colorScheme });
        await stranger.page.getByLabel(T.entrance.password, { exact: true }).waitFor();
        found.push(...(await stranger.axe()).map(text => `the entrance: ${text}`));
        assert.deepEqual(found, []);
    });

stage.test("dark is dark and light is light, by the system's wish or by one's own", async scene => {
    const lightness = page => page.evaluate(() => {
        const [red, green, blue] = getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/g).map(Number);
        return (red + green + blue) / 765;
    });
    const dark = page => until(async () => await lightness(page) < 0.25, "it is dark");
    const light = page => until(async () => await lightness(page) > 0.85, "it is light");
    const person = await scene.person({ colorScheme: "dark" });
    const { page } = person;
    await dark(page);
    await page.emulateMedia({ colorScheme: "light" });
    await light(page);
    await page.goto(`${scene.cluster.url}/#/account`);
    await page.getByRole("button", { name: T.theme.dark, exact: true }).click();
    await dark(page);
    await page.reload();
    await dark(page);
    await page.getByRole("button", { name: T.theme.system, exact: true }).click();
    await light(page);
});

stage.test("a page whose modules did not all come tries again by itself", async scene => {
    const person = await scene.stranger({ open: null });
    let failures = 0;
    await person.context.route("**/plot.js", route => failures++ ? route.continue() : route.abort("connectionreset"));
    person.expect(/plot\.js|ERR_CONNECTION_RESET/);
    const page = await person.open();
    await page.getByLabel(T.entrance.password, { exact: true }).waitFor();
    assert(failures > 1);
});

stage.test("the page is small, has no foreign part, and a policy without holes", async scene => {
    const { cluster } = scene;
    let sources = 0;
    for (const name of fs.readdirSync(path.join(SOURCE, "client/web"))) {
        const answer = await cluster.request("GET", `/${name}`, { headers: { "Accept-Encoding": "identity" } });
        assert.equal(answer.status, 200, name);
        sources += (await answer.arrayBuffer()).byteLength;
    }
    assert(sources > 100 * 1024 && sources < 200 * 1024, `the page's files have ${sources} octets`);

    const person = await scene.stranger({ open: null });
    const answers = [];
    person.context.on("response", response => answers.push(response));
    const page = await person.open();
    await page.getByLabel(T.entrance.password, { exact: true }).waitFor();
    //  All modules are asked for at once: theme.js names each
    const modules = fs.readdirSync(path.join(SOURCE, "client/web")).filter(name => /\.js$/.test(name) && name !== "theme.js").sort();
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("link[rel=modulepreload]")].map(link => new URL(link.href).pathname.slice(1)).sort()), modules);
    for (const answer of answers) {
        const headers = await answer.allHeaders();
        const policy = headers["content-security-policy"] ?? "";
        assert.match(policy, /default-src 'self'/, answer.url());
        assert.match(policy, /frame-ancestors 'none'/, answer.url());
        assert(!/unsafe-|https?:|\*/.test(policy), `${answer.url()}: ${policy}`);
        assert.equal(headers["x-content-type-options"], "nosniff", answer.url());
        assert(headers["referrer-policy"], answer.url());
        assert.equal(headers["cross-origin-opener-policy"], "same-origin", answer.url());
        if (/\.(js|css)$/.test(new URL(answer.url()).pathname)) {
            assert(headers["etag"], `${answer.url()} has no ETag`);
            assert.equal(headers["content-encoding"], "gzip", answer.url());
        }
    }
    const source = await (await cluster.request("GET", "/")).text();
    assert(!/<script(?![^>]*src)|<style|style=| on\w+=/i.test(source), "something is inline");
});
