//  What a person does with the list of files, in their words: everything is found by its role and its name.

import assert from "node:assert/strict";
import { T, until } from "./harness.mjs";

export class Files {
    constructor(person) {
        this.person = person;
        this.page = person.page;
    }

    get grid() {
        return this.page.getByRole("grid").first();
    }

    link(name) {
        return this.grid.getByRole("link", { name, exact: true });
    }

    row(name) {
        return this.grid.getByRole("row").filter({ has: this.page.getByRole("link", { name, exact: true }) });
    }

    //  Wait until the list shows this name, or does not any more.
    async shows(name) {
        await this.link(name).waitFor();
    }

    async lacks(name) {
        await this.link(name).waitFor({ state: "detached" });
    }

    //  All names in view, in their order on the screen.
    async names() {
        const rows = await this.grid.getByRole("row").filter({ has: this.page.getByRole("link") }).evaluateAll(rows => rows.map(row => {
            const box = row.getBoundingClientRect();
            return { name: row.querySelector("a").textContent.trim(), top: box.top, left: box.left };
        }));
        return rows.sort((a, b) => a.top - b.top || a.left - b.left).map(row => row.name);
    }

    async listed(...names) {
        let seen;
        await until(async () => JSON.stringify(seen = await this.names()) === JSON.stringify(names), "the list").catch(() => assert.deepEqual(seen, names));
    }

    async open(name) {
        await this.link(name).click();
    }

    //  Drag one thing of the page on another, with the steps that a hand makes on the way.
    async drag(from, to) {
        await from.hover();
        await this.page.mouse.down();
        await to.hover();
        await to.hover();
        await this.page.mouse.up();
    }

    //  Open the row's menu and choose a command.
    async menu(name, command) {
        await this.row(name).hover();
        await this.row(name).getByRole("button", { name: T.list.more(name), exact: true }).click();
        await this.page.getByRole("menuitem", { name: command }).click();
    }

    async pick(...names) {
        for (const name of names)
            await this.row(name).locator(".pick").click();
    }

    async newFolder(name) {
        await this.page.getByRole("button", { name: T.files.newFolder, exact: true }).click();
        const dialog = this.page.getByRole("dialog");
        await dialog.getByRole("textbox", { name: T.files.folderName }).fill(name);
        await dialog.getByRole("button", { name: T.files.create, exact: true }).click();
    }

    //  Give files (paths, or { name, mimeType, buffer }) to the page as its file chooser does.
    async upload(...files) {
        await this.choose(this.page.getByRole("button", { name: T.files.upload, exact: true }), files);
    }

    async uploadFolder(folder) {
        await this.page.getByRole("button", { name: T.files.more, exact: true }).click();
        await this.choose(this.page.getByRole("menuitem", { name: T.files.uploadFolder, exact: true }), folder);
    }

    async choose(button, files) {
        const chooser = this.page.waitForEvent("filechooser");
        await button.click();
        await (await chooser).setFiles(files);
    }

    //  Drop files and folders of this machine on an element, as a file manager does.
    async drop(target, ...files) {
        const box = await target.boundingBox();
        const at = { x: box.x + box.width / 2, y: box.y + Math.min(box.height / 2, 200) };
        const session = await this.person.context.newCDPSession(this.page);
        for (const type of ["dragEnter", "dragOver", "drop"])
            await session.send("Input.dispatchDragEvent", { type, ...at, data: { items: [], files, dragOperationsMask: 1 } });
        await session.detach();
    }

    //  The short message at the foot of the page.
    toast(text) {
        return this.page.locator("#toasts, #alerts").getByText(text);
    }

    async undo() {
        await this.page.locator("#toasts").getByRole("button", { name: T.undo }).last().click();
    }

    async crumb(name) {
        await this.page.getByRole("navigation", { name: T.files.path }).getByRole("link", { name, exact: true }).click();
    }

    async search(text) {
        await this.page.getByRole("searchbox", { name: T.files.searchHint }).fill(text);
    }

    //  The panel with the uploads, and one upload in it.
    get uploads() {
        return this.page.locator("section.uploads");
    }

    async uploadsDone(count) {
        await this.uploads.getByText(T.uploads.allDone(count)).waitFor();
    }

    uploadButton(verb, name) {
        return this.uploads.getByRole("button", { name: T.uploads.one(verb, name), exact: true });
    }
}
