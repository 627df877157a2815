import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Entry } from "../api/types";
import { addressee, ago, count, entryWords, span, STATE_NAMES, stateWords, utc, when } from "./words";

const NOW = new Date("2026-03-28T12:00:00Z");

describe("ago", () => {
  it.each([
    ["2026-03-28T12:00:02Z", "now"],
    ["2026-03-28T11:59:20Z", "40 s ago"],
    ["2026-03-28T11:48:00Z", "12 min ago"],
    ["2026-03-28T09:00:01Z", "2 h ago"],
    ["2026-03-27T09:00:00Z", "27 h ago"],
    ["2026-03-20T12:00:00Z", "8 days ago"],
    ["2025-12-01T12:00:00Z", "3 months ago"],
    ["2022-03-28T12:00:00Z", "4 years ago"],
    ["2026-03-28T12:03:00Z", "in 3 min"],
    ["2026-03-31T12:00:00Z", "in 3 days"],
    ["nonsense", "at an unknown time"],
  ])("%s is %s", (date, words) => {
    expect(ago(date, NOW)).toBe(words);
  });

  it("never says that a span is negative", () => {
    expect(span(-5)).toBe("0 s");
  });
});

describe("when", () => {
  const berlin = { now: NOW, zone: "Europe/Berlin", locale: "en-GB" };

  it.each([
    ["2026-03-28T13:03:00Z", "today 14:03"],
    ["2026-03-27T22:30:00Z", "yesterday 23:30"],
    ["2026-03-27T23:30:00Z", "today 00:30"],
    ["2026-03-29T07:00:00Z", "tomorrow 09:00"], // the clocks go forward in that night
    ["2026-03-30T07:00:00Z", "Mon 30 Mar, 09:00"],
    ["2026-02-01T08:00:00Z", "1 Feb, 09:00"],
    ["2024-02-01T08:00:00Z", "1 Feb 2024, 09:00"],
    ["nonsense", "at an unknown time"],
  ])("%s is %s in Berlin", (date, words) => {
    expect(when(date, berlin)).toBe(words);
  });

  it("counts days where the reader is", () => {
    expect(when("2026-03-28T23:00:00Z", { now: NOW, zone: "Asia/Tokyo", locale: "en-GB" })).toBe("tomorrow 08:00");
    expect(when("2026-03-28T23:00:00Z", { now: NOW, zone: "America/Los_Angeles", locale: "en-GB" })).toBe("today 16:00");
  });

  it("takes the reader's own way to write times", () => {
    expect(when("2026-03-28T13:03:00Z", { ...berlin, locale: "en-US" }).replaceAll(/\s/g, " ")).toBe("today 2:03 PM");
  });

  describe("without a zone", () => {
    beforeEach(() => vi.stubEnv("TZ", "Pacific/Auckland"));
    afterEach(() => vi.unstubAllEnvs());

    it("is the reader's", () => {
      expect(when("2026-03-28T13:03:00Z", { now: NOW, locale: "en-GB" })).toBe("today 02:03");
    });
  });
});

describe("utc", () => {
  it("is exact", () => {
    expect(utc("2026-03-28T13:03:00+01:00")).toBe("2026-03-28 12:03:00 UTC");
    expect(utc("2026-03-28T12:03:00.120Z")).toBe("2026-03-28 12:03:00.120 UTC");
    expect(utc("nonsense")).toBe("");
  });
});

describe("states", () => {
  it("each have a word and a shape of their own", () => {
    expect(new Set(STATE_NAMES.map((state) => stateWords(state).word)).size).toBe(11);
    expect(new Set(STATE_NAMES.map((state) => stateWords(state).shape)).size).toBe(11);
  });
});

describe("entries", () => {
  const entry = (kind: Entry["kind"], act: string, facts: Entry["facts"] = {}) =>
    entryWords({ kind, act, facts, actor: "grace", actor_kind: "person" });

  it("say who did what", () => {
    expect(entry("move", "rule", { kind: "edited" })).toEqual({ who: "grace", did: "edited and approved it" });
    expect(entry("handover", "hand_over", { to: "group:billing" })).toEqual({
      who: "grace",
      did: "handed it over to the group billing",
    });
    expect(entry("move", "redraft", { reason: "asked" }).did).toBe("asked for another draft");
    expect(entry("move", "redraft", { reason: "learned" }).did).toBe("put another draft before the reviewers");
  });

  it("name nobody where nobody did it", () => {
    expect(entry("move", "clear")).toEqual({ who: null, did: "It is cleared to run" });
    expect(entry("move", "lose_track", { attempt: 2, ending: "timed_out" }).did).toBe(
      "Attempt 2 ended: no answer came in time, so it may have happened",
    );
    expect(entryWords({ kind: "vote", act: "vote", actor: null, actor_kind: "person" }).who).toBeNull();
  });

  it("say what a policy would have done, where that is told", () => {
    expect(entry("automation", "decide", { decision: { route: "automate" } })).toEqual({
      who: null,
      did: "On paper, it would have run without a person",
    });
    expect(entry("automation", "decide").did).toBe(
      "What would be done without a person was put on record; people judge it all the same",
    );
  });

  it("say an act they do not know by its name", () => {
    expect(entry("policy", "turn_over")).toEqual({ who: "grace", did: "turn over" });
  });
});

describe("count and addressee", () => {
  it("agree in number", () => {
    expect([count(0, "claim"), count(1, "claim"), count(2, "case is", "cases are")]).toEqual([
      "0 claims",
      "1 claim",
      "2 cases are",
    ]);
  });

  it("tell a group from a person", () => {
    expect([addressee("ada"), addressee("group:lead")]).toEqual(["ada", "the group lead"]);
  });
});
