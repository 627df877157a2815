import { afterEach, expect, test, vi } from "vitest";

import { serve } from "../screens/stand_in";
import { Problem, request, Unreachable } from "./request";

afterEach(() => vi.unstubAllGlobals());

const cutOff = () => {
  const body = new ReadableStream({ start: (stream) => stream.error(new TypeError("network error")) });
  return new Response(body, { headers: { "Content-Type": "application/json" } });
};

test.each([
  ["is the page of somebody in between", () => new Response("<!doctype html><title>Sign in to the network</title>")],
  ["was cut off", cutOff],
])("a success that %s is no answer of the server", async (_, answer) => {
  serve({ "POST /cases/c1/verdict": answer });
  await expect(request("POST", "/cases/c1/verdict", { body: {} })).rejects.toBeInstanceOf(Unreachable);
});

test("a refusal that cannot be read is one all the same", async () => {
  serve({ "GET /queue": () => new Response("Bad gateway", { status: 502 }) });
  const refused = await request("GET", "/queue").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Problem);
  expect(refused).toMatchObject({ status: 502, passing: true });
});
