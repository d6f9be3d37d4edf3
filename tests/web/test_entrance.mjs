//  Coming in and going out: accounts, passwords, sessions.

import assert from "node:assert/strict";
import { PASSWORD, Stage, T, until } from "./harness.mjs";
import { Files } from "./files.mjs";

const stage = new Stage({ first: true });

async function fill(page, name, password) {
    await page.getByRole("textbox", { name: T.entrance.name }).fill(name);
    await page.getByLabel(T.entrance.password, { exact: true }).fill(password);
}

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

async function login(page, name, password) {
    await fill(page, name, password);
    await press(page, T.entrance.login);
}

const inside = page => page.getByRole("navigation", { name: T.mainNavigation }).waitFor();

async function account(page) {
    await page.goto(new URL("/#/account", page.url()).href);
    await page.getByRole("heading", { name: T.account.sessions, level: 2 }).waitFor();
}

stage.test("the first account is made on the page and is the admin", async scene => {
    const { page } = await scene.stranger();
    await page.getByText(T.entrance.firstLead).waitFor();
    await fill(page, "boss", PASSWORD);
    await press(page, T.entrance.firstAction);
    await inside(page);
    const session = await page.evaluate(() => fetch("/api/v1/session").then(reply => reply.json()));
    assert.equal(session.user, "boss");
    assert.equal(session.role, "admin");
    assert.equal(session.first, false);
});

stage.test("one registers, logs out and logs in again", async scene => {
    const { page, context } = await scene.stranger();
    await press(page, T.entrance.toRegister);
    await fill(page, "ann", PASSWORD);
    await press(page, T.entrance.register);
    await inside(page);
    await new Files({ page, context }).newFolder("Mine");
    await new Files({ page, context }).shows("Mine");

    const cookie = (await context.cookies()).find(one => one.name === "filestore");
    assert(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/", JSON.stringify(cookie));
    assert.equal(await page.evaluate(() => document.cookie + Object.values(localStorage) + Object.values(sessionStorage)).then(all => all.includes(cookie.value)), false);

    await account(page);
    await press(page, T.account.logout);
    await page.getByLabel(T.entrance.password, { exact: true }).waitFor();
    await until(async () => (await scene.cluster.request("GET", "/api/v1/entries?path=/users/ann", { token: cookie.value })).status === 401, "the old token is worth nothing");

    await login(page, "ann", PASSWORD);
    await page.getByRole("link", { name: T.nav.files, exact: true }).click();
    await new Files({ page, context }).shows("Mine");
});

stage.test("a wrong password and a taken name are told, and nobody is let in", async scene => {
    const person = await scene.stranger();
    const { page } = person;
    person.expect(/status of 40[139]/);
    await login(page, "boss", "wrong horse");
    await page.getByRole("alert").filter({ hasText: /password/i }).waitFor();
    await login(page, "nobody-of-this-name", "wrong horse");
    await page.getByRole("alert").filter({ hasText: /password/i }).waitFor();
    assert.equal(await page.getByRole("navigation", { name: T.mainNavigation }).count(), 0);

    await press(page, T.entrance.toRegister);
    await fill(page, "boss", PASSWORD);
    await press(page, T.entrance.register);
    await page.getByRole("alert").filter({ hasText: /taken|exists|already/i }).waitFor();
});

stage.test("a changed password ends the other sessions", async scene => {
    const one = await scene.person();
    const { page, account: { name } } = one;
    const other = await scene.stranger();
    await login(other.page, name, PASSWORD);
    await inside(other.page);
    other.expect(/status of 401/);

    await account(page);
    const change = async (old, fresh) => {
        await page.getByLabel(T.account.old, { exact: true }).fill(old);
        await page.getByLabel(T.account.new, { exact: true }).fill(fresh);
        await press(page, T.account.change);
    };
    one.expect(/status of 40[13]/);
    await change("wrong horse", "battery staple 9");
    await page.getByRole("alert").filter({ hasText: /password/i }).first().waitFor();
    await change(PASSWORD, "battery staple 9");
    await page.getByText(T.account.changed).waitFor();

    await other.page.getByLabel(T.entrance.password, { exact: true }).waitFor();      //  Without anybody touching that page
    await login(other.page, name, "battery staple 9");
    await inside(other.page);
});

stage.test("sessions are listed, and one can be ended from elsewhere", async scene => {
    const one = await scene.person();
    const { page, account: { name } } = one;
    const other = await scene.stranger();
    await login(other.page, name, PASSWORD);
    await inside(other.page);
    other.expect(/status of 401/);

    await account(page);
    await page.getByText(T.account.current).first().waitFor();
    const ends = page.getByRole("button", { name: /^End the session/ });
    assert.equal(await ends.count(), 1);
    await ends.click();
    await page.getByText(T.account.ended).waitFor();
    await other.page.getByLabel(T.entrance.password, { exact: true }).waitFor();
    await page.reload();
    await page.getByText(T.account.current).first().waitFor();      //  This one goes on
});

stage.test("a session that ended while a folder was open leads back to that folder", async scene => {
    const person = await scene.person();
    const { page } = person;
    const files = new Files(person);
    await person.makeFolder("deep");
    await person.put("deep/note.txt", "hello");
    await files.open("deep");
    await files.shows("note.txt");
    person.expect(/status of 401/);
    await person.cluster.api("DELETE", "/session", { token: person.account.token });
    await page.getByText(T.entrance.ended).waitFor();
    await login(page, person.account.name, PASSWORD);
    await files.shows("note.txt");
});
