import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import type { Evidence, Mail } from "../api/types";
import { EvidenceList } from "./evidence_list";
import { rendererOf } from "./registry";

afterEach(cleanup);
// Loaded when it is first needed; a test should not wait for the compiler.
beforeAll(() => import("./markdown"));

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '<a href="javascript:alert(1)">here</a>',
  '<img src="https://tracker.example/p.gif">',
  "<svg onload=alert(1)>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "![t](https://tracker.example/p.gif)",
  "[click](javascript:alert(1)) [data](data:text/html,<script>alert(1)</script>) [vb](vbscript:x)",
  "[up](//evil.example) [root](/api/v1/session) [ok](https://example.com/a?b=1)",
  "<https://example.com> <javascript:alert(1)>",
  "photo\u202egpj.exe pay\u200bpal e" + "\u0301".repeat(80) + " \ud83d",
  "שלום عالم 👨‍👩‍👧‍👦",
  "[r]: javascript:alert(1)\n\n[r]",
].join("\n\n");

/** Nothing in the page runs, loads from elsewhere, or leads anywhere but to a site. */
function expectHarmless(root: ParentNode) {
  expect([
    ...root.querySelectorAll("script, object, embed, link, style, base, meta, form, svg use, video, audio"),
  ]).toEqual([]);
  for (const element of root.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      expect(name).not.toMatch(/^on|^style$|^srcdoc$|^srcset$/);
      if (name === "src") expect(value).toMatch(/^\/api\/v1\/cases\/|^data:image\/(png|jpeg|gif|webp);base64,/);
      if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
    }
  }
  for (const frame of root.querySelectorAll("iframe")) {
    expect(frame.getAttribute("sandbox")).toBe("allow-popups allow-popups-to-escape-sandbox");
  }
  for (const link of root.querySelectorAll("a")) {
    expect(link.rel.split(" ").sort()).toEqual(["nofollow", "noopener", "noreferrer"]);
    expect(link.target).toBe("_blank");
  }
  expect(root.textContent).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\ufeff\ud800-\udbff](?![\udc00-\udfff])/);
}

async function draw(evidence: Evidence, name = "message") {
  const { container } = render(<EvidenceList evidence={{ [name]: evidence }} caseId="0190" />);
  await vi.waitFor(() => expect(container.textContent).not.toContain("Loading …"));
  return container;
}

const given = (media_type: string, value: unknown, mail?: Mail): Evidence => ({
  media_type,
  value,
  ...(mail && { mail }),
});

const MAIL: Mail = {
  from: "Anna <anna@example.com>",
  to: ["shop@example.com"],
  cc: [],
  subject: "Charged twice",
  date: "2026-10-12T09:30:00+02:00",
  text: "I was charged twice.",
  html: false,
  attachments: [],
  remote_images: 0,
  problems: [],
};

const hostileMail: Mail = {
  from: HOSTILE,
  to: [HOSTILE, HOSTILE],
  cc: [HOSTILE],
  subject: HOSTILE,
  date: HOSTILE,
  text: HOSTILE,
  html: true,
  attachments: [{ name: HOSTILE, media_type: HOSTILE, bytes: 12 }],
  remote_images: 3,
  problems: [HOSTILE],
};

function deep(levels: number): unknown {
  let value: unknown = HOSTILE;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { [HOSTILE]: value };
  return value;
}

test.each<[string, Evidence]>([
  ["text", given("text/plain", HOSTILE)],
  ["HTML", given("text/html", HOSTILE)],
  ["Markdown", given("text/markdown", HOSTILE)],
  ["CSV", given("text/csv", `${HOSTILE}\n"${HOSTILE.replaceAll('"', '""')}",2`)],
  ["rows", given("application/json", [{ [HOSTILE]: HOSTILE }, { a: [HOSTILE] }])],
  [
    "lists",
    given("application/json", [
      [HOSTILE, 1],
      [2, HOSTILE],
    ]),
  ],
  ["fields", given("application/json", { [HOSTILE]: HOSTILE, ok: true, none: null })],
  ["a tree", given("application/json", { a: [HOSTILE, { [HOSTILE]: HOSTILE }] })],
  ["a deep tree", given("application/json", deep(2000))],
  ["an e-mail", given("message/rfc822", HOSTILE, hostileMail)],
  ["an e-mail the server did not read", given("message/rfc822", HOSTILE)],
  ["a picture elsewhere", given("image/png", "https://tracker.example/p.png")],
  ["a picture that is none", given("image/png", "data:text/html;base64,PHNjcmlwdD4=")],
  ["a drawing", given("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")],
  ["a drawing as data", given("image/svg+xml", "data:image/svg+xml;base64,PHN2Zz4=")],
  [
    "places",
    given("application/geo+json", {
      features: [
        {
          type: "Feature",
          properties: { [HOSTILE]: HOSTILE },
          geometry: { type: "Point", coordinates: [HOSTILE, 2] },
        },
      ],
    }),
  ],
  ["a type nobody knows", given(HOSTILE, HOSTILE)],
  ["a type that is a word of the language", given("constructor", { __proto__: 1, constructor: HOSTILE })],
])("draws %s that means harm as harmless", async (_, evidence) => {
  const container = await draw(evidence, HOSTILE);
  expectHarmless(container);
  for (const button of container.querySelectorAll<HTMLElement>("input[type=radio], .evidence-more, .evidence-inline")) {
    fireEvent.click(button);
    expectHarmless(container);
  }
  for (const details of container.querySelectorAll("details")) {
    details.open = true;
    fireEvent(details, new Event("toggle"));
    expectHarmless(container);
  }
});

describe("the list", () => {
  test("says so where there is no evidence", () => {
    render(<EvidenceList evidence={{}} caseId="0190" />);
    expect(screen.getByText("No evidence came with this proposal.")).toBeTruthy();
  });

  test("names each piece and what it is, folds and unfolds", async () => {
    const container = await draw(given("text/plain", "Where is my kettle?"), "customer_message");
    const heading = screen.getByRole("button", { name: "Customer message" });
    expect(screen.getByTitle("text/plain").textContent).toBe("Text");
    expect(heading.getAttribute("aria-expanded")).toBe("true");
    fireEvent.click(heading);
    expect(heading.getAttribute("aria-expanded")).toBe("false");
    expect(container.textContent).not.toContain("kettle");
    fireEvent.click(heading);
    expect(container.textContent).toContain("kettle");
  });

  test("copies what was given, or says that it could not", async () => {
    const writeText = vi.fn<(text: string) => Promise<void>>(() => Promise.resolve());
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    await draw(given("application/json", { a: 1 }), "order");
    fireEvent.click(screen.getByRole("button", { name: "Copy Order" }));
    expect(await screen.findByText("Copied")).toBeTruthy();
    expect(writeText).toHaveBeenCalledWith('{\n  "a": 1\n}');
    writeText.mockRejectedValueOnce(new Error("no"));
    fireEvent.click(screen.getByRole("button", { name: "Copy Order" }));
    expect(await screen.findByText("Not copied: the browser does not allow it here")).toBeTruthy();
    vi.unstubAllGlobals();
  });

  test("draws as data what breaks its renderer, and the rest as ever", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const broken = { ...MAIL, to: null as unknown as string[] };
    const evidence = {
      mail: given("message/rfc822", { raw: "bytes" }, broken),
      note: given("text/plain", "a note"),
    };
    const { container } = render(<EvidenceList evidence={evidence} caseId="0190" />);
    expect(container.textContent).toContain("It cannot be drawn as what it is said to be");
    expect(container.textContent).toContain("bytes");
    expect(container.textContent).toContain("a note");
  });

  test("folds the ninth piece and what follows", () => {
    const many = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [`n${index}`, given("text/plain", `text ${index}`)]),
    );
    const { container } = render(<EvidenceList evidence={many} caseId="0190" />);
    expect(container.textContent).toContain("text 7");
    expect(container.textContent).not.toContain("text 8");
  });
});

test.each<[string, unknown, string]>([
  ["text/plain; charset=utf-8", "a", "Text"],
  ["TEXT/Markdown", "a", "Formatted text"],
  ["text/x-unheard-of", "a", "Text"],
  ["application/json", "a", "Text"],
  ["application/json", [{ a: 1 }], "Table"],
  ["application/json", [[1, 2]], "Table"],
  ["application/json", { a: 1 }, "Fields"],
  ["application/json", { a: { b: 1 } }, "Data"],
  ["application/json", [1, 2], "Data"],
  ["application/json", 7, "Data"],
  ["application/json", { a: ["one", "two"] }, "Fields"],
  ["application/json", { a: [] }, "Data"],
  ["application/json", { a: Array.from({ length: 11 }, () => 1) }, "Data"],
  ["text/csv", { a: [{ b: 1 }] }, "Data"],
  ["image/png", "data:image/png;base64,iVBORw0KGgo=", "Picture"],
  ["image/png", "https://example.com/a.png", "Text"],
  ["image/svg+xml", "data:image/png;base64,iVBORw0KGgo=", "Source of a drawing"],
  ["application/geo+json", { type: "Polygon" }, "Fields"],
])("%s with %j is drawn as %s", (media_type, value, words) => {
  expect(rendererOf({ media_type, value }).words).toBe(words);
});

describe("an e-mail", () => {
  test("shows everybody it went to, the reader's time with the original, and what is attached", async () => {
    const to = Array.from({ length: 30 }, (_, index) => `p${index}@example.com`);
    const mail = {
      ...MAIL,
      to,
      cc: ["boss@example.com"],
      attachments: [{ name: "bill\u202efdp.exe", media_type: "application/pdf", bytes: 120_000 }],
    };
    const container = await draw(given("message/rfc822", "raw", mail));
    expect(screen.getByText("boss@example.com")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "all 30" }));
    expect(screen.getByText("p29@example.com")).toBeTruthy();
    expect(container.querySelector("time")?.title).toBe("As written: 2026-10-12T09:30:00+02:00");
    expect(container.querySelector("time")?.textContent).toMatch(/12.*2026|2026.*12/);
    expect(container.textContent).toContain("billRLOfdp.exe");
    expect(container.textContent).toContain("120 kB");
  });

  test("shows its text first, and its HTML where there is nothing else", async () => {
    const both = await draw(given("message/rfc822", "raw", { ...MAIL, html: true }));
    expect(both.querySelector("iframe")).toBeNull();
    fireEvent.click(screen.getByRole("radio", { name: "HTML" }));
    expect(both.querySelector("iframe")).not.toBeNull();
    fireEvent.click(screen.getByRole("radio", { name: "Source" }));
    expect(both.textContent).toContain("raw");
    cleanup();
    const only = await draw(given("message/rfc822", "raw", { ...MAIL, text: " ", html: true }));
    expect(only.querySelector("iframe")).not.toBeNull();
    expect(screen.queryByRole("radio", { name: "Text" })).toBeNull();
  });

  test("loads images only when asked, and says what that tells the sender", async () => {
    const container = await draw(
      given("message/rfc822", "raw", { ...MAIL, text: "", html: true, remote_images: 3 }),
      "the mail&x=1",
    );
    const frame = () => container.querySelector("iframe")?.getAttribute("src");
    expect(frame()).toBe("/api/v1/cases/0190/frame?evidence=the+mail%26x%3D1");
    expect(container.textContent).toContain("tells the sender");
    fireEvent.click(screen.getByRole("button", { name: "Show images (3)" }));
    expect(frame()).toBe("/api/v1/cases/0190/frame?evidence=the+mail%26x%3D1&images=true");
    expect(screen.queryByRole("button", { name: "Show images (3)" })).toBeNull();
  });

  test("folds what it quotes at length, and unfolds it", async () => {
    const text = "Yes.\n\nOn Monday you wrote:\n> one\n> two\n> three\n> four\nThanks\n> short";
    const container = await draw(given("message/rfc822", "raw", { ...MAIL, text }));
    expect(container.textContent).not.toContain("three");
    expect(container.textContent).toContain("> short");
    const quoted = container.querySelector("details");
    if (!quoted) throw new Error("nothing is folded");
    quoted.open = true;
    fireEvent(quoted, new Event("toggle"));
    expect(container.textContent).toContain("> three");
  });
});

describe("a table", () => {
  const rows = Array.from({ length: 2000 }, (_, index) => ({
    id: `r${index}`,
    total: index * 1.5,
    nested: index ? null : { a: 1 },
  }));

  test("shows 200 of 2,000 rows, and more", async () => {
    const container = await draw(given("application/json", rows));
    expect(container.querySelectorAll("tbody tr").length).toBe(200);
    expect(container.textContent).toContain("Showing 200 of 2,000 rows.");
    fireEvent.click(screen.getByRole("button", { name: "Show more" }));
    expect(container.querySelectorAll("tbody tr").length).toBe(400);
  });

  test("puts numbers to the right, in a region the keyboard reaches", async () => {
    const container = await draw(given("text/csv", 'name;total\n"a ""b""; c";1,50\nd;-2'));
    const cells = [...container.querySelectorAll("td")];
    expect(cells.map((cell) => cell.textContent)).toEqual(['a "b"; c', "1,50", "d", "-2"]);
    expect(cells.map((cell) => cell.className)).toEqual([
      "evidence-short",
      "evidence-number",
      "evidence-short",
      "evidence-number",
    ]);
    expect(screen.getByRole("group", { name: "Table of message" }).tabIndex).toBe(0);
  });

  test("keeps a thousand columns to a few cells until they are asked for", async () => {
    const wide = Array.from({ length: 500 }, () =>
      Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`c${index}`, index])),
    );
    const container = await draw(given("application/json", wide));
    expect(container.querySelectorAll("td").length).toBeLessThanOrEqual(2000);
    expect(screen.getByRole("button", { name: "Show all 1,000 columns" })).toBeTruthy();
  });
});

describe("much data", () => {
  test("draws a tree of 100,000 values by what is open", async () => {
    const value = {
      list: Array.from({ length: 100_000 }, (_, index) => ({ index, deep: [index] })),
      other: { a: { b: 1 } },
    };
    const container = await draw(given("application/json", value));
    expect(container.querySelectorAll("*").length).toBeLessThan(200);
    const list = [...container.querySelectorAll("details")].find((each) => each.textContent.startsWith("list"));
    if (!list) throw new Error("the list is not there");
    list.open = true;
    fireEvent(list, new Event("toggle"));
    expect(within(list).getByRole("button", { name: "Show more (99,900 left)" })).toBeTruthy();
  });

  test("unfolds 64 levels, and writes out what is below", async () => {
    const container = await draw(given("application/json", deep(80)));
    for (let level = 0; level < 70; level++) {
      for (const details of container.querySelectorAll("details:not([open])")) {
        (details as HTMLDetailsElement).open = true;
        fireEvent(details, new Event("toggle"));
      }
    }
    expect(container.querySelectorAll("details").length).toBe(64);
    expect(container.textContent).toContain('[{"');
  });

  test("shows the beginning of a megabyte, and all of it when asked", async () => {
    const text = "All is well, and so it was. ".repeat(36_000);
    const container = await draw(given("text/plain", text));
    expect(container.textContent.length).toBeLessThan(21_000);
    fireEvent.click(screen.getByRole("button", { name: "Show all (1.0 MB)" }));
    expect([...container.querySelectorAll(".evidence-block")].map((block) => block.textContent).join("")).toBe(text);
    expect(container.querySelectorAll("*").length).toBeLessThan(300);
  });
});

describe("Markdown", () => {
  test("formats, shows where links lead, and draws no picture", async () => {
    const container = await draw(
      given(
        "text/markdown",
        "# Hi\n\n**Bold** [our site](https://evil.example/x) ![cat](https://t.example/c.png)\n\n3. a\n4. b\n\n`<b>`",
      ),
    );
    expect(container.querySelector("h4")?.textContent).toBe("Hi");
    expect(container.querySelector("strong")?.textContent).toBe("Bold");
    expect(container.querySelector("a")?.getAttribute("href")).toBe("https://evil.example/x");
    expect(container.textContent).toContain("our site (evil.example)");
    expect(container.textContent).toContain("[picture: cat]");
    expect(container.querySelector("ol")?.getAttribute("start")).toBe("3");
    expect(container.querySelector("code")?.textContent).toBe("<b>");
  });

  test.each([
    ["quotes in quotes", ">".repeat(19_000)],
    ["lists in lists", "* ".repeat(9_000)],
    ["brackets", "[".repeat(19_000)],
    ["links that never close", "[a](".repeat(4_700)],
    ["stars", "*a_".repeat(6_000)],
    ["backticks", Array.from({ length: 190 }, (_, index) => "`".repeat(index)).join(" ")],
    ["a megabyte", "# a\n\n* b\n".repeat(110_000)],
  ])("comes to an end with %s", async (_, text) => {
    expectHarmless(await draw(given("text/markdown", text)));
  });
});

test("draws a picture from its data, and says so when that is damaged", async () => {
  const container = await draw(given("image/png", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"), "receipt");
  const picture = screen.getByRole("img", { name: "Evidence “receipt”" });
  expect(picture.getAttribute("src")).toBe("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB");
  fireEvent.error(picture);
  expect(container.textContent).toContain("cannot be drawn");
});
