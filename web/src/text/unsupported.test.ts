import { expect, test } from "vitest";

import type { Evidence } from "../api/types";
import { unsupported } from "./unsupported";

const text = (value: unknown): Record<string, Evidence> => ({ message: { media_type: "text/plain", value } });

function marked(proposal: string, evidence: string): string[] {
  return (unsupported({ body: proposal }, text(evidence)).get("body") ?? []).map(({ start, end }) =>
    proposal.slice(start, end),
  );
}

const EN = "Hi, this is Anna Smith. I was charged $40 twice on 12 October 2026 for order ORD-1234. Call +49 30 901820.";
const DE =
  "Guten Tag, mein Name ist Jörg Müller. Die Bestellung 4711 vom 12. Oktober kostete 1.234,50 € und kam nicht.";

test.each([
  // numbers, however they are written
  ["We refund $40.", "40.00", []],
  ["We refund 40,00 €.", "I paid 40.", []],
  ["We refund 40.00.", "I paid 40,00 €.", []],
  ["We refund 45 €.", "I paid 40.", ["45"]],
  ["In all 1,234.50.", "1.234,50 €", []],
  ["In all 1 234,50.", "1234.5", []],
  ["In all 1'234.50 CHF.", "1,234.50", []],
  ["In all 1,234.", "1234", []],
  ["In all 1,235.", "1234", ["1,235"]],
  ["We refund ٤٠.", "40 please", []],
  ["A discount of 20 %.", "rate: 0.2", []],
  ["A discount of 25%.", "rate: 0.2", ["25%".slice(0, 2)]],
  ["We send 2 new ones.", "Both arrived broken.", []],
  ["We send 3 new ones.", "Both arrived broken.", ["3"]],
  ["1. Open it.\n2. Close it.", "How do I open it?", []],
  ["Within 14 days.", "Nothing came.", ["14"]],
  ["We refund 40 (0.5 of 80).", "40", ["0.5", "80"]],
  // dates and times, in any order
  ["It was on 2026-10-12.", EN, []],
  ["It was on 12.10.2026.", EN, []],
  ["It was on Oct 12.", EN, []],
  ["It was on October 12th, 2026.", EN, []],
  ["It was on 10/12/2026.", EN, []],
  ["It was in October 2026.", EN, []],
  ["It was on 13 October.", EN, ["13 October"]],
  ["It was on 12 October 2025.", EN, ["12 October 2025"]],
  ["Am 12. Oktober 2026.", DE, []],
  ["Am 12.10. war das.", DE, []],
  ["Am 14.10.2026 war das.", DE, ["14.10.2026"]],
  ["At 2:30 pm.", "14:30 would suit me", []],
  ["At 3 pm.", "14:30 would suit me", ["3 pm"]],
  ["Um 15 Uhr.", "15:00 passt mir", []],
  ["Le 12 août.", "12 August", []],
  // identifiers and addresses
  ["Your order ORD-1234 is found.", EN, []],
  ["Your order ord 1234 is found.", EN, []],
  ["Your order ORD-1243 is found.", EN, ["ORD-1243"]],
  ["Your order ORD-123 is found.", EN, ["ORD-123"]],
  ["Your order ORD1234 and card 5555 1234 are found.", "ORD-12345, ORD 1234, card 55551234", []],
  ["Write to anna@example.co.", "anna@example.com anna@example.co.uk", ["anna@example.co"]],
  ["Write to na@example.com.", "anna@example.com", ["na@example.com"]],
  ["Ticket #991 is open.", EN, ["#991"]],
  ["Write to anna@example.com.", "From: Anna <ANNA@example.com>", []],
  ["Write to anna@example.org.", "From: Anna <anna@example.com>", ["anna@example.org"]],
  ["See https://www.example.com/a.", "see example.com/a", []],
  ["See https://evil.example/a.", "see example.com/a", ["https://evil.example/a"]],
  ["We call +49 (30) 90 18 20.", EN, []],
  ["We call +49 30 555123.", EN, ["+49 30 555123"]],
  ["To DE89 3704 0044 0532 0130 00.", "IBAN DE89370400440532013000", []],
  ["To DE89 3704 0044 0532 0130 01.", "IBAN DE89370400440532013000", ["DE89 3704 0044 0532 0130 01"]],
  ["The 1st of 3x 40kg in A4 at 24h.", "1 3 40 24", []],
  // names
  ["Dear Anna,\n\nThank you for writing.", EN, []],
  ["Dear Karen,\n\nThank you for writing.", EN, ["Karen"]],
  ["Dear Ms Smith, we refund it.", EN, []],
  ["Dear Ms Jones, we refund it.", EN, ["Jones"]],
  ["We spoke to Anna Jones about it.", EN, ["Anna Jones"]],
  ["We spoke to ANNA SMITH about it.", EN, []],
  ["Anna's order was shipped to Smith, Anna.", EN, []],
  ["The sum goes to Acme Bank today.", EN, ["Acme Bank"]],
  ["Hello, I think I'm late. Refunds take days. On Monday we ship.", EN, []],
  ["It is done.\n\nKind regards,\nThe Support Team\nShop of Wonders", EN, []],
  ["Your Order Has Shipped", EN, []],
  ["Karen Millstone", EN, ["Karen Millstone"]],
  ["Anna Smith", EN, []],
  ["We wrote to Jörg Mueller.", DE, []],
  ["Sehr geehrter Herr Müller, die Rechnung ist nicht bezahlt und der Betrag offen.", DE, []],
  ["Sehr geehrter Herr Weber, die Rechnung ist nicht bezahlt und der Betrag offen.", DE, ["Weber"]],
  ["Wir haben die Sendung an Petra Sommer und nicht an das Lager geschickt.", DE, ["Petra Sommer"]],
  ["Wir haben die Rechnung und den Betrag für Ihre Bestellung geprüft.", DE, []],
  ["Vielen Dank für Ihre Nachricht. Das ist nicht die Regel.\n\nMit freundlichen Grüßen\nIhr Kundenservice", DE, []],
])("%j against %j", (proposal, evidence, expected) => {
  expect(marked(proposal, evidence)).toEqual(expected);
});

test("looks into numbers, and into what is nested", () => {
  const found = unsupported(
    {
      amount: 40,
      fee: 3.5,
      amount_cents: 4000,
      items: [{ sku: "AB-77", count: 2 }, "Anna Jones"],
      ok: true,
      none: null,
    },
    text(EN),
  );
  expect([...found.keys()].sort()).toEqual(["fee", "items/0/sku", "items/1"]);
  expect(found.get("fee")).toEqual([{ start: 0, end: 3, kind: "number" }]);
});

test("reads every kind of evidence: nested values, and an e-mail's headers, text and HTML", () => {
  const mail = {
    from: "Anna Smith <anna@example.com>",
    to: ["Shop <shop@example.com>"],
    cc: [],
    subject: "Order ORD-1234",
    date: "2026-10-12T09:00:00+02:00",
    text: "",
    html: true,
    remote_images: 0,
    problems: [],
    attachments: [{ name: "Bill-77.pdf", media_type: "application/pdf", bytes: 3 }],
  };
  const evidence: Record<string, Evidence> = {
    mail: { media_type: "message/rfc822", value: "<p>We paid 81,=\n20 =E2=82=AC</p>", mail },
    account: { media_type: "application/json", value: { orders: [{ total: 99.5, city: "Trier" }] } },
    picture: { media_type: "image/png", value: "data:image/png;base64,AAAA5555" },
  };
  const body =
    "Dear Anna Smith, ORD-1234 of 12 October, Bill-77, 81.20 and 99.50, sent to our friends in Trier. Also 5555 to Bonn.";
  const spans = unsupported({ body }, evidence).get("body") ?? [];
  expect(spans.map(({ start, end }) => body.slice(start, end))).toEqual(["5555", "Bonn"]);
});

test("marks nothing where there is nothing to compare with", () => {
  expect(unsupported({ body: "Dear Karen, 40" }, {})).toEqual(new Map());
  expect(unsupported({ body: "Dear Karen, 40" }, text("  "))).toEqual(new Map());
});

test("ends on texts made to be slow", () => {
  const hostile = [
    "1 ".repeat(50_000),
    "1.".repeat(50_000),
    "A".repeat(100_000),
    "Aa ".repeat(30_000),
    "a-".repeat(50_000),
    "a@".repeat(50_000),
    "12 ".repeat(30_000),
    "(".repeat(100_000),
    "A1".repeat(50_000),
    "best ".repeat(20_000),
  ];
  for (const each of hostile) expect(unsupported({ body: each }, text(each)).get("body") ?? []).toBeInstanceOf(Array);
});
