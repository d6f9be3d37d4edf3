//  The cluster, alive: nodes that die and come back, and what that does to the content. Small extents, so that copying anew takes a while.

import assert from "node:assert/strict";
import path from "node:path";
import { Stage, T, random, randomFile, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const MIB = 1 << 20;
const stage = new Stage({ separate: true, nodes: 4, sets: ["heartbeat-interval=500 ms", "prune-after=5 s", "repair-delay=100 ms", "extent-chunks=1"] });

async function look(scene) {
    const person = await scene.person({ account: scene.stage.admin, open: "/#/cluster" });
    await person.page.getByRole("heading", { name: T.cluster.title, level: 1 }).waitFor();
    const card = node => person.page.getByRole("listitem", { name: node, exact: true });
    return { person, page: person.page, card };
}

stage.test("every node is there with its state, its room and its pulse", async scene => {
    const { page, card } = await look(scene);
    for (const node of ["node-1", "node-2", "node-3", "node-4"]) {
        await card(node).getByText(T.cluster.state.alive).waitFor();
        await card(node).getByText(/free of/).waitFor();
        await card(node).getByText(/^Last heartbeat (now|1 s ago)/).waitFor();
    }
    await page.getByText(T.cluster.alive("4", "4")).waitFor();
    await page.getByText(T.cluster.well).waitFor();
});

stage.test("a chosen file shows which nodes hold which part", async scene => {
    const person = await scene.person({ account: scene.stage.admin });
    const files = new Files(person);
    await person.put("parts.bin", random(19 * MIB + 5));
    await files.menu("parts.bin", T.files.places);
    const places = person.page.getByRole("region", { name: T.places.of("parts.bin") });
    await places.getByText(T.places.summary(20, T.places.copies(2, 2))).waitFor();
    await places.getByText(T.places.table).click();
    const rows = await places.getByRole("row").allInnerTexts();
    assert.equal(rows.length, 1 + 20);
    for (const row of rows.slice(1))
        assert.equal((row.match(/node-\d/g) ?? []).length, 2, row);
});

stage.test("a node dies while an upload goes on: what has one copy rises and falls to zero", async scene => {
    const { cluster } = scene;
    const { person, page, card } = await look(scene);
    await person.put("before.bin", random(160 * MIB));
    const uploader = await scene.person();
    const files = new Files(uploader);
    const local = path.join(scene.folder(), "during.bin");
    const wanted = randomFile(local, 200 * MIB);
    const line = await uploader.context.newCDPSession(uploader.page);
    await line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 30 * MIB });
    await files.upload(local);
    await until(() => files.uploads.getByRole("progressbar", { name: "during.bin" }).evaluate(bar => bar.value > 0.2), "some of it is sent");

    //  What the page says, each time it says something else
    const said = [];
    await page.exposeFunction("said", text => said.push(text));
    await page.evaluate(() => new MutationObserver(() => globalThis.said(document.querySelector(".verdict").innerText))
        .observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true }));

    const { nodes } = await cluster.api("GET", "/nodes", { token: person.account.token });
    const victim = nodes.reduce((most, node) => node.holds > most.holds ? node : most).node;
    await cluster.kill(victim);
    await card(victim).getByText(T.cluster.state.pruned).waitFor();
    await until(() => said.some(text => /have only one copy/.test(text)), "the page says that content has only one copy");
    await page.getByText(T.cluster.event.pruned(victim)).first().waitFor();
    await page.getByText(T.cluster.alive("3", "4")).waitFor();
    await line.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await files.uploads.getByText(T.uploads.allDone(1)).waitFor({ timeout: 60000 });
    await page.getByText(T.cluster.well).waitFor({ timeout: 60000 });
    assert.equal((await page.getByRole("region", { name: T.cluster.oneCopy, exact: true }).locator(".figure").innerText()).trim(), "0 bytes");
    assert.equal(await cluster.digest(uploader.account, uploader.home("during.bin")), wanted);

    await cluster.restart(victim);
    await card(victim).getByText(T.cluster.state.alive).waitFor();
    await page.getByText(T.cluster.alive("4", "4")).waitFor();
});

stage.test("figures over time are drawn, and can be read without seeing them", async scene => {
    const { page } = await look(scene);
    const plot = page.getByRole("region", { name: T.cluster.throughput, exact: true }).getByRole("img");
    await until(async () => /now .*at most/.test(await plot.getAttribute("aria-label") ?? ""), "the plot says what it shows");
    assert(await plot.locator("path").count() > 0);
});

stage.test("services are listed with their commands and what these take", async scene => {
    const { page } = await look(scene);
    const services = page.getByRole("region", { name: T.services.title, exact: true });
    await services.getByText("storage.node-1", { exact: true }).waitFor();
    await services.getByText("metadata", { exact: true }).click();
    await services.getByText("STAT", { exact: true }).click();
    const request = services.getByRole("region", { name: T.services.request, exact: true }).filter({ visible: true });
    await request.getByRole("row", { name: /^path string/ }).waitFor();
    await services.getByText("GET /api/v1/entry ·").waitFor();
});

stage.test("an admin empties and checks a node, others may not", async scene => {
    const { page, card } = await look(scene);
    await card("node-4").getByRole("button", { name: T.cluster.actionsFor("node-4") }).click();
    await page.getByRole("menuitem", { name: T.cluster.drain }).click();
    await card("node-4").getByText(T.cluster.draining).waitFor();
    await page.getByText(T.cluster.drained("node-4")).waitFor();
    await card("node-4").getByRole("button", { name: T.cluster.actionsFor("node-4") }).click();
    await page.getByRole("menuitem", { name: T.cluster.undrain }).click();
    await card("node-4").getByText(T.cluster.draining).waitFor({ state: "detached" });
    await card("node-4").getByRole("button", { name: T.cluster.actionsFor("node-4") }).click();
    await page.getByRole("menuitem", { name: T.cluster.scrub }).click();
    await page.getByText(T.cluster.scrubbing("node-4")).waitFor();

    const other = await scene.person({ open: "/#/cluster" });
    await other.page.getByRole("listitem", { name: "node-1", exact: true }).getByText(T.cluster.state.alive).waitFor();
    assert.equal(await other.page.getByRole("button", { name: T.cluster.actionsFor("node-1") }).count(), 0);
    const refused = await scene.cluster.request("POST", "/api/v1/drain", { token: other.account.token, json: { node: "node-1", drain: true } });
    assert.equal(refused.status, 403);
});
