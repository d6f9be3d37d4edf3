//  Ten thousand entries in one folder stay usable.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { Stage, T, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const stage = new Stage();
const COUNT = 10000;
const nameOf = index => `entry ${String(index).padStart(5, "0")}.txt`;

stage.test("a folder with ten thousand entries is shown, searched, sorted, chosen and changed", async scene => {
    const account = await scene.cluster.account("many");
    const local = path.join(scene.folder(), "many");
    fs.mkdirSync(local);
    for (let index = 0; index < COUNT; index++)
        fs.writeFileSync(path.join(local, nameOf(index)), "");
    await scene.cluster.filestore(account, "put", "-r", local, "many");

    const person = await scene.person({ account });
    const { page } = person;
    const files = new Files(person);
    await files.open("many");
    await files.shows(nameOf(0));
    await page.getByText("10,000 files").first().waitFor();
    assert.equal(await files.grid.getAttribute("aria-rowcount"), String(COUNT + 1));

    await files.row(nameOf(0)).focus();
    await page.keyboard.press("End");
    await files.shows(nameOf(COUNT - 1));
    await until(() => files.row(nameOf(COUNT - 1)).evaluate(row => row === document.activeElement), "the last row has the focus");
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert(elements < 3000, `${elements} elements`);

    await page.keyboard.press("Control+a");
    await page.getByText(T.list.selected(COUNT)).first().waitFor();
    await page.keyboard.press("Escape");

    await page.getByRole("columnheader", { name: T.list.name }).getByRole("button").click();
    await page.keyboard.press("Escape");
    await files.row(nameOf(COUNT - 1)).focus();
    await page.keyboard.press("Home");
    assert.equal((await files.names())[0], nameOf(COUNT - 1));

    await person.put("many/zz new.txt", "x");
    await files.listed.call({ names: async () => (await files.names()).slice(0, 1) }, "zz new.txt");
    await files.search("04321");
    await files.listed(nameOf(4321));
    await files.menu(nameOf(4321), T.files.remove);
    await files.lacks(nameOf(4321));
});
