//  The list of files: folders, names, moving, deleting, searching, sorting, choosing.

import assert from "node:assert/strict";
import path from "node:path";
import { Stage, T, until } from "./harness.mjs";
import { Files } from "./files.mjs";
import { png } from "./media.mjs";

const stage = new Stage();

//  Someone with these files ("name" or "name/") in their home, looking at them.
async function owner(scene, ...names) {
    const account = await scene.cluster.account(`p${++stage.count}`);
    for (const name of names)
        if (name.endsWith("/"))
            await scene.cluster.api("POST", "/folders", { token: account.token, json: { path: `/users/${account.name}/${name.slice(0, -1)}`, parents: true } });
        else
            await scene.cluster.put(account, `/users/${account.name}/${name}`, `content of ${name}`);
    const person = await scene.person({ account });
    return { person, page: person.page, files: new Files(person) };
}

stage.test("a folder is made, entered and left by its path", async scene => {
    const { person, page, files } = await owner(scene);
    await page.getByText(T.files.emptyTitle).waitFor();
    await files.newFolder("Räume & Träume");
    await files.shows("Räume & Träume");
    await files.open("Räume & Träume");
    await page.getByText(T.files.emptyTitle).waitFor();
    await files.newFolder("inner");
    await files.open("inner");
    await page.waitForURL(/inner$/);
    await page.reload();
    await page.getByText(T.files.emptyTitle).waitFor();
    await files.crumb("Räume & Träume");
    await files.listed("inner");
    await page.goBack();
    await page.waitForURL(/inner$/);
    await files.crumb(T.files.home);
    await files.listed("Räume & Träume");
    person.expect(/status of 409/);
    await files.newFolder("Räume & Träume");
    await page.getByRole("dialog").getByRole("alert").filter({ hasText: T.advice.exists }).waitFor();
});

stage.test("a file is renamed in its place", async scene => {
    const { person, page, files } = await owner(scene, "draft.txt", "other.txt");
    await files.menu("draft.txt", T.files.rename);
    const field = page.getByRole("textbox", { name: T.files.renameLabel("draft.txt") });
    await field.fill("final.txt");
    await field.press("Enter");
    await files.listed("final.txt", "other.txt");
    assert.equal(String(await person.get("final.txt")), "content of draft.txt");
    assert.equal(await person.exists("draft.txt"), false);

    await files.menu("final.txt", T.files.rename);
    await page.getByRole("textbox", { name: T.files.renameLabel("final.txt") }).fill("given up");
    await page.keyboard.press("Escape");
    await files.listed("final.txt", "other.txt");

    person.expect(/status of 409/);
    await files.menu("final.txt", T.files.rename);
    await page.getByRole("textbox", { name: T.files.renameLabel("final.txt") }).fill("other.txt");
    await page.keyboard.press("Enter");
    await page.getByText(T.advice.exists).first().waitFor();
    assert.equal(String(await person.get("other.txt")), "content of other.txt");
});

stage.test("files are moved by dragging them on a folder, and back by undo", async scene => {
    const { person, files } = await owner(scene, "Box/", "a.txt", "b.txt", "c.txt");
    await files.pick("a.txt", "b.txt");
    await files.drag(files.row("a.txt"), files.row("Box"));
    await files.listed("Box", "c.txt");
    assert.equal(String(await person.get("Box/a.txt")), "content of a.txt");
    assert.equal(String(await person.get("Box/b.txt")), "content of b.txt");
    await files.undo();
    await files.listed("Box", "a.txt", "b.txt", "c.txt");
    assert.equal(String(await person.get("a.txt")), "content of a.txt");
});

stage.test("a file is dragged up to a folder of the path", async scene => {
    const { person, page, files } = await owner(scene, "Box/", "Box/x.txt");
    await files.open("Box");
    await files.shows("x.txt");
    await files.drag(files.row("x.txt"), page.getByRole("navigation", { name: T.files.path }).getByRole("link", { name: T.files.home, exact: true }));
    await files.lacks("x.txt");
    assert.equal(String(await person.get("x.txt")), "content of Box/x.txt");
});

stage.test("a file is moved to a folder chosen from a tree", async scene => {
    const { person, page, files } = await owner(scene, "One/Two/", "x.txt");
    await files.menu("x.txt", T.files.move);
    const dialog = page.getByRole("dialog");
    await dialog.getByText("One", { exact: true }).click();
    await dialog.getByText("Two", { exact: true }).click();
    await dialog.getByRole("button", { name: T.files.moveHere }).click();
    await files.listed("One");
    assert.equal(String(await person.get("One/Two/x.txt")), "content of x.txt");
});

stage.test("a file is copied to a folder chosen from a tree, and again beside it", async scene => {
    const { person, page, files } = await owner(scene, "Box/", "Box/x.txt", "x.txt");
    const copyTo = async folder => {
        await files.menu("x.txt", T.files.copy);
        const dialog = page.getByRole("dialog");
        if (folder)
            await dialog.getByText(folder, { exact: true }).click();
        await dialog.getByRole("button", { name: T.files.copyHere }).click();
    };
    person.expect(/status of 409/);
    await copyTo("Box");
    await page.getByRole("dialog").getByText(T.conflict.title("x.txt")).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: T.conflict.keep }).click();
    await files.toast(T.files.copied(1, "Box")).waitFor();
    assert.equal(String(await person.get("Box/x (2).txt")), "content of x.txt");
    assert.equal(String(await person.get("Box/x.txt")), "content of Box/x.txt");
    assert.equal(String(await person.get("x.txt")), "content of x.txt");
});

stage.test("the trash is emptied, and then it is gone for good", async scene => {
    const { person, page, files } = await owner(scene, "Box/", "Box/in.txt", "a.txt");
    await files.menu("Box", T.files.remove);
    await files.menu("a.txt", T.files.remove);
    await page.getByText(T.files.emptyTitle).waitFor();
    await page.getByRole("link", { name: T.nav.trash, exact: true }).click();
    await page.getByRole("button", { name: T.trash.empty, exact: true }).click();
    const dialog = page.getByRole("dialog", { name: T.trash.foreverTitle(2) });
    await dialog.getByRole("button", { name: T.cancel, exact: true }).click();
    assert.equal((await scene.cluster.api("GET", "/trash", { token: person.account.token })).ids.length, 2, "nobody said yes");
    await page.getByRole("button", { name: T.trash.empty, exact: true }).click();
    await dialog.getByRole("button", { name: T.trash.forever, exact: true }).click();
    await page.getByText(T.trash.emptyTitle).waitFor();
    assert.equal((await scene.cluster.api("GET", "/trash", { token: person.account.token })).ids.length, 0);
});

stage.test("a selection box takes each click once, and two of them open nothing", async scene => {
    const { page, files } = await owner(scene, "Box/", "a.txt");
    const box = files.row("Box").getByRole("checkbox"), chosen = () => files.grid.locator("[role=row][aria-selected=true]").count();
    await files.row("Box").hover();
    await box.click();
    assert.deepEqual([await chosen(), await box.isChecked()], [1, true]);
    await box.dblclick();
    assert.deepEqual([await chosen(), await box.isChecked()], [1, true]);
    assert(page.url().endsWith(encodeURI(`/#/files/users/p${stage.count}`)), page.url());
    const all = files.grid.getByRole("checkbox", { name: T.list.chooseAll });
    assert.equal(await all.evaluate(element => element.indeterminate), true);
    await all.click();
    assert.equal(await chosen(), 2);
    await all.click();
    assert.equal(await chosen(), 0);
});

stage.test("what is deleted comes back by undo, and from the trash", async scene => {
    const { person, page, files } = await owner(scene, "Box/", "Box/in.txt", "a.txt", "b.txt");
    await files.menu("a.txt", T.files.remove);
    await files.listed("Box", "b.txt");
    assert.equal(await person.exists("a.txt"), false);
    await files.undo();
    await files.listed("Box", "a.txt", "b.txt");
    assert.equal(String(await person.get("a.txt")), "content of a.txt");

    await files.pick("Box", "b.txt");
    await page.keyboard.press("Delete");
    await files.listed("a.txt");
    await page.getByRole("link", { name: T.nav.trash, exact: true }).click();
    const trash = page.getByRole("grid", { name: T.trash.label });
    await trash.getByText("Box", { exact: true }).first().waitFor();
    await trash.getByRole("button", { name: `${T.trash.restore}: Box`, exact: true }).click();
    await until(() => person.exists("Box/in.txt"), "the folder is back");
});

stage.test("search finds below as one types, and leads to what it found", async scene => {
    const { page, files } = await owner(scene, "Deep/Deeper/", "Deep/Deeper/treasure map.txt", "Deep/treasury.txt", "other.txt");
    await files.search("treas");
    await files.shows("treasure map.txt");
    await files.shows("treasury.txt");
    await files.lacks("other.txt");
    await files.search("treasure");
    await files.lacks("treasury.txt");
    await files.search("nothing is called so");
    await page.getByText(T.files.noMatch("nothing is called so")).waitFor();
    await page.getByRole("searchbox").press("Escape");
    await files.listed("Deep", "other.txt");
});

stage.test("where the search actor runs, the box finds what is in files, with the words around it", async scene => {
    const { cluster } = scene;
    await cluster.enrol("search", ["--read", "/users"], [`search-index=${path.join(cluster.root, "search.db")}`]);
    const { person, page, files } = await owner(scene, "Deep/Deeper/", "other.txt");
    await person.put("Deep/Deeper/log.txt", "On Monday the lighthouse keeper counted forty <b>gulls</b>.");
    const found = async () => (await cluster.request("POST", "/bus/search/SEARCH", { token: person.account.token, json: { query: "gulls" } })).json();
    await until(async () => (await found()).results?.length, "the actor has read it");
    await files.search("lighthouse keep");
    await files.shows("log.txt");
    await files.row("log.txt").getByText("keeper counted forty <b>gulls</b>").waitFor();
    await files.lacks("other.txt");
    await files.open("log.txt");
    await page.getByRole("dialog").getByText(/On Monday/).waitFor();
});

stage.test("the list is sorted by each column, as numbers where names have numbers", async scene => {
    const { person, page, files } = await owner(scene, "Z/");
    const put = (name, bytes, modified) => person.put(name, Buffer.alloc(bytes), { headers: { "X-Modified-Ms": String(modified) } });
    await put("file 10.txt", 10, 1600000000000);
    await put("file 9.txt", 30, 1700000000000);
    await put("Äpfel.txt", 20, 1500000000000);
    const sort = async column => page.getByRole("columnheader", { name: column }).getByRole("button").click();
    await files.listed("Z", "Äpfel.txt", "file 9.txt", "file 10.txt");
    await sort(T.list.name);
    await files.listed("Z", "file 10.txt", "file 9.txt", "Äpfel.txt").catch(() => files.listed("file 10.txt", "file 9.txt", "Äpfel.txt", "Z"));
    await sort(T.list.size);
    const sizes = (await files.names()).filter(name => name !== "Z");
    assert.deepEqual([...sizes].sort(), ["file 10.txt", "file 9.txt", "Äpfel.txt"].sort());
    assert([["file 9.txt", "Äpfel.txt", "file 10.txt"], ["file 10.txt", "Äpfel.txt", "file 9.txt"]].some(order => order.join() === sizes.join()), sizes.join());
    const sorted = page.locator("[role=columnheader][aria-sort=ascending], [role=columnheader][aria-sort=descending]");
    assert.match(await sorted.innerText(), new RegExp(T.list.size));
    await sort(T.list.modified);
    const times = (await files.names()).filter(name => name !== "Z");
    assert([["file 9.txt", "file 10.txt", "Äpfel.txt"], ["Äpfel.txt", "file 10.txt", "file 9.txt"]].some(order => order.join() === times.join()), times.join());
});

stage.test("many are chosen by keyboard and by mouse", async scene => {
    const { page, files } = await owner(scene, "1.txt", "2.txt", "3.txt", "4.txt", "5.txt");
    const chosen = () => files.grid.locator("[role=row][aria-selected=true]").count();
    await files.shows("5.txt");
    await files.row("1.txt").focus();
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Shift+ArrowDown");
    assert.equal(await chosen(), 3);
    await page.getByText(T.list.selected(3)).first().waitFor();
    await page.keyboard.press("Control+a");
    assert.equal(await chosen(), 5);
    await page.keyboard.press("Escape");
    assert.equal(await chosen(), 0);
    await page.keyboard.press("Home");
    await page.keyboard.press("Space");
    await page.keyboard.press("End");
    await page.keyboard.press("Space");
    assert.equal(await chosen(), 2);
    await page.keyboard.press("Delete");
    await files.listed("2.txt", "3.txt", "4.txt");
    await files.pick("2.txt");
    await files.row("4.txt").locator(".pick").click({ modifiers: ["Shift"] });
    assert.equal(await chosen(), 3);
});

stage.test("the view as tiles shows the same, and is kept", async scene => {
    const { page, files } = await owner(scene, "Box/", "a.txt");
    await files.shows("a.txt");
    await page.getByRole("button", { name: T.list.asTiles }).click();
    await files.listed("Box", "a.txt");
    await page.reload();
    await files.listed("Box", "a.txt");
    assert.equal(await files.grid.evaluate(grid => grid.classList.contains("tiles")), true);
    await files.open("Box");
    await page.getByText(T.files.emptyTitle).waitFor();
});

stage.test("tiles show the pictures that an actor made, listed once; the list does not show their folder", async scene => {
    const { person, page, files } = await owner(scene, "film.mp4", "other.mp4");
    await files.listed("film.mp4", "other.mp4");
    const stat = name => scene.cluster.api("GET", `/entry?path=${encodeURIComponent(person.home(name))}`, { token: person.account.token });
    await person.makeFolder(".thumbnails");
    const { id, version } = await stat("film.mp4");
    await person.put(`.thumbnails/${id}-${version}.jpg`, png(32, 20));
    const asked = [];
    page.on("request", request => /(entries|files\/).*\.thumbnails/.test(decodeURIComponent(request.url())) && asked.push(request.url()));
    await page.getByRole("button", { name: T.list.asTiles }).click();
    const picture = name => files.row(name).locator("img");
    await until(() => picture("film.mp4").evaluate(image => image.naturalWidth === 32).catch(() => false), "the picture is shown");
    assert.equal(await picture("other.mp4").count(), 0);
    await files.listed("film.mp4", "other.mp4");
    assert.equal(asked.length, 2, asked.join("\n"));        //  The folder and the picture

    const other = await stat("other.mp4");
    await person.put(`.thumbnails/${other.id}-${other.version}.jpg`, png(48, 20));
    await until(() => picture("other.mp4").evaluate(image => image.naturalWidth === 48).catch(() => false), "a picture that is made later is shown");
});

stage.test("an older version comes back", async scene => {
    const { person, page, files } = await owner(scene, "note.txt");
    await person.put("note.txt", "the newer text");
    await files.menu("note.txt", T.files.versions);
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /^Restore version/ }).first().click();
    await until(async () => String(await person.get("note.txt")) === "content of note.txt", "the older text is back");
});

stage.test("a folder that is shared appears with the other person", async scene => {
    const { person, page, files } = await owner(scene, "Ours/", "Ours/plan.txt");
    const other = await scene.person();
    await files.menu("Ours", T.files.share);
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: T.share.person }).fill(other.account.name);
    await dialog.getByRole("button", { name: T.share.add, exact: true }).click();
    await dialog.getByText(other.account.name, { exact: true }).first().waitFor();
    assert.equal(String(await scene.cluster.get(other.account, person.home("Ours/plan.txt"))), "content of Ours/plan.txt");
    await other.page.getByRole("link", { name: T.nav.shared, exact: true }).click();
    await other.page.getByRole("link", { name: "Ours" }).first().click();
    await new Files(other).shows("plan.txt");
});
