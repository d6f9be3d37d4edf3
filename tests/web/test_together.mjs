//  Two pages at once, and a page whose server goes away and comes back.

import assert from "node:assert/strict";
import { Stage, T, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const stage = new Stage();

stage.test("what is done on one page is seen on the other at once", async scene => {
    const one = await scene.person();
    const two = await scene.person({ account: one.account });
    const here = new Files(one), there = new Files(two);
    await two.page.getByText(T.files.emptyTitle).waitFor();
    await here.newFolder("Box");
    await there.listed("Box");
    await here.upload({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
    await there.listed("Box", "a.txt");
    await here.menu("a.txt", T.files.rename);
    await one.page.getByRole("textbox", { name: T.files.renameLabel("a.txt") }).fill("b.txt");
    await one.page.keyboard.press("Enter");
    await there.listed("Box", "b.txt");
    await there.drag(there.row("b.txt"), there.row("Box"));
    await here.listed("Box");
    await here.open("Box");
    await here.shows("b.txt");
    await there.menu("Box", T.files.remove);
    await one.page.getByText(T.files.goneDeleted).first().waitFor();
    await there.undo();
    await there.listed("Box");
});

stage.test("changes by scripts and many at once are seen too", async scene => {
    const person = await scene.person();
    const files = new Files(person);
    await person.page.getByText(T.files.emptyTitle).waitFor();
    const put = at => person.put(`file ${String(at).padStart(2, "0")}.txt`, String(at));
    await Promise.all([0, 1, 2].map(async lane => {
        for (let at = lane; at < 60; at += 3)
            await put(at);
    }));
    await person.page.getByText(T.files.summary(0, 60, "").replace(/ · $/, "")).first().waitFor();
    await files.shows("file 00.txt");
});

stage.test("a person does not see what others do in private", async scene => {
    const one = await scene.person(), other = await scene.person();
    const heard = [];
    await other.page.exposeFunction("heard", text => heard.push(text));
    await other.page.evaluate(async () => {
        const response = await fetch("/api/v1/events");
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        globalThis.listening = true;
        (async () => {
            for (let part; !(part = await reader.read()).done;)
                globalThis.heard(part.value);
        })();
    });
    await one.put("secret plan.txt", "x");
    await other.put("mine.txt", "x");
    await until(() => heard.join("").includes("mine.txt"), "one's own event");
    assert(!heard.join("").includes("secret plan"), "a foreign event was heard");
});

stage.test("a server that goes is told, and the page goes on by itself when it is back", async scene => {
    const { cluster } = scene;
    const person = await scene.person();
    const files = new Files(person);
    await files.newFolder("Before");
    await files.shows("Before");
    person.expect(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_SOCKET_NOT_CONNECTED|status of 50\d/);
    await cluster.kill("filestored");
    await person.page.getByText(T.offline.waiting).waitFor();
    assert.equal(await files.link("Before").isVisible(), true);     //  What was there stays readable
    await files.pick("Before");
    await person.page.getByRole("button", { name: T.list.clear }).click();
    const icon = person.page.getByRole("button", { name: T.files.upload, exact: true }).locator("use");
    assert(await icon.evaluate(use => use.getBoundingClientRect().width) > 5, "the button has its picture, drawn anew while the server is away");
    await cluster.restart("filestored");
    await cluster.put(person.account, person.home("while away.txt"), "x");
    await person.page.getByText(T.offline.waiting).waitFor({ state: "hidden" });
    await files.shows("while away.txt");
    await files.newFolder("After");
    await files.shows("After");
});
