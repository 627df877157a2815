import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { persistently } from "./later";

const health = vi.fn<() => Promise<Response>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", health);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a part that cannot be loaded while the server is gone is loaded once it is back", async () => {
  health.mockRejectedValue(new TypeError("fetch failed"));
  const load = vi.fn(() => (load.mock.calls.length < 9 ? Promise.reject(new TypeError("import failed")) : Promise.resolve("part")));
  const part = persistently(load);
  await vi.runAllTimersAsync();
  expect(await part).toBe("part");
});

test("a part that the server no longer has is given up", async () => {
  health.mockResolvedValue(new Response("{}"));
  const load = vi.fn(() => Promise.reject(new TypeError("import failed")));
  const given_up = expect(persistently(load)).rejects.toThrow("import failed");
  await vi.runAllTimersAsync();
  await given_up;
  expect(load).toHaveBeenCalledTimes(3);
});
