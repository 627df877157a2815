import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";

import { aMe, browser, Refused, serve, show } from "../screens/stand_in";
import SignInPage from "../screens/sign_in_page";
import { SignIn } from "./sign_in";

browser();

const fill = (account: string, password: string) => {
  fireEvent.change(screen.getByLabelText("Account"), { target: { value: account } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: password } });
  fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
};

describe("SignIn", () => {
  it("sends name and password, and gives who signed in", async () => {
    const asked = serve({ "POST /session": aMe() });
    const onSignedIn = vi.fn();
    show(<SignInPage onSignedIn={onSignedIn} />);
    expect(document.activeElement).toBe(screen.getByLabelText("Account"));
    fill(" grace ", "a secret ");
    await waitFor(() => expect(onSignedIn).toHaveBeenCalledWith(aMe()));
    expect(asked[0]?.body).toEqual({ account: "grace", password: "a secret " });
  });

  it("lets a password manager fill it in, and shows the password when asked to", () => {
    serve({});
    show(<SignIn person={null} onSignedIn={vi.fn()} />);
    const password = screen.getByLabelText("Password");
    expect(screen.getByLabelText("Account").getAttribute("autocomplete")).toBe("username");
    expect(password.getAttribute("autocomplete")).toBe("current-password");
    expect(password.getAttribute("type")).toBe("password");
    fireEvent.click(screen.getByRole("button", { name: "Show password" }));
    expect(password.getAttribute("type")).toBe("text");
  });

  it("shows what the server says as it is, and keeps what was typed", async () => {
    const words = "that name and password do not go together; check both and try again";
    serve({ "POST /session": new Refused(401, { detail: words, code: "not_signed_in" }) });
    show(<SignIn person={null} onSignedIn={vi.fn()} />);
    fill("grace", "wrong");
    await screen.findByText(words);
    expect(screen.getByLabelText<HTMLInputElement>("Password").value).toBe("wrong");
  });

  it("counts down while the name is locked", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true, toFake: ["setInterval", "clearInterval", "Date"] });
    const words = "too many wrong passwords for that name; try again in 60 s";
    serve({ "POST /session": new Refused(429, { detail: words, code: "overloaded", retry_after_s: 60 }) });
    show(<SignIn person={null} onSignedIn={vi.fn()} />);
    fill("grace", "wrong");
    await screen.findByText(words);
    const button = screen.getByRole<HTMLButtonElement>("button", { name: /Wait \d+ s/ });
    expect(button.disabled).toBe(true);
    act(() => void vi.advanceTimersByTime(45_000));
    expect(Number(/\d+/.exec(button.textContent)?.[0])).toBeLessThanOrEqual(15);
    act(() => void vi.advanceTimersByTime(16_000));
    expect(button.textContent).toBe("Sign in");
    expect(button.disabled).toBe(false);
  });

  it("says that nothing is lost to somebody whose session ended", () => {
    serve({});
    show(<SignIn person="grace" onSignedIn={vi.fn()} />);
    expect(screen.getByText("Sign in again as grace; nothing you did is lost.")).toBeTruthy();
    expect(screen.getByLabelText<HTMLInputElement>("Account").value).toBe("grace");
    expect(document.activeElement).toBe(screen.getByLabelText("Password"));
  });

  it("says whose drafts stay whose when somebody else signs in, and takes that back when asked to", async () => {
    const asked = serve({ "POST /session": aMe({ id: "ada" }), "DELETE /session": null });
    const onSignedIn = vi.fn();
    show(<SignIn person="grace" onSignedIn={onSignedIn} />);
    fill("ada", "hers");
    await screen.findByText(/You are signed in as ada now, not as grace\. What grace wrote .* stays with grace/);
    expect(onSignedIn).not.toHaveBeenCalled();
    fireEvent.click(screen.getByRole("button", { name: "Sign in as grace instead" }));
    await screen.findByLabelText("Password");
    expect(asked.map((one) => one.method)).toEqual(["POST", "DELETE"]);
    fill("ada", "hers");
    fireEvent.click(await screen.findByRole("button", { name: "Go on as ada" }));
    expect(onSignedIn).toHaveBeenCalledWith(aMe({ id: "ada" }));
  });

  it("stays when it is closed without an answer", () => {
    serve({});
    show(<SignIn person="grace" onSignedIn={vi.fn()} />);
    const dialog = screen.getByRole<HTMLDialogElement>("dialog", { name: "You are signed out" });
    act(() => dialog.close());
    expect(dialog.open).toBe(true);
  });
});
