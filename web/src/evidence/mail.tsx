import { Fragment, useMemo, useState } from "react";

import type { Mail as MailGiven } from "../api/types";
import { Visible, visible } from "../text/visible";
import { Frame, Source, Ways } from "./html";
import { LongText } from "./long_text";
import type { RendererProps } from "./registry";
import { moment, size } from "./words";

type Way = "text" | "html" | "source";

const MANY = 8;
/** Quoted lines in a row from which they are folded, and the most such parts that are. */
const QUOTED_FROM = 4;
const MOST_QUOTES = 30;

export function Mail({ name, evidence, caseId }: RendererProps) {
  const { mail, value } = evidence;
  const hasText = (mail?.text.trim() ?? "") !== "";
  const [way, setWay] = useState<Way>(mail?.html && !hasText ? "html" : "text");
  if (!mail) return null;
  const ways: (readonly [Way, string])[] = [];
  if (hasText || !mail.html) ways.push(["text", "Text"]);
  if (mail.html) ways.push(["html", "HTML"]);
  if (typeof value === "string") ways.push(["source", "Source"]);
  return (
    <div className="evidence-mail">
      <Headers mail={mail} />
      {mail.problems.length > 0 ? (
        <ul className="notice evidence-problems">
          {mail.problems.map((problem, index) => (
            <li key={index}>
              <Visible text={problem} />
            </li>
          ))}
        </ul>
      ) : null}
      <Attachments mail={mail} />
      <Ways<Way> label={`View of ${visible(name)}`} ways={ways} way={way} onWay={setWay} />
      {way === "html" ? <Frame name={name} caseId={caseId} remoteImages={mail.remote_images} /> : null}
      {way === "text" ? <Text text={mail.text} /> : null}
      {way === "source" ? <Source text={String(value)} /> : null}
    </div>
  );
}

function Headers({ mail }: { mail: MailGiven }) {
  return (
    <dl className="evidence-fields evidence-headers">
      <Header name="From">
        {mail.from === "" ? <span className="muted">nobody named</span> : <Visible text={mail.from} />}
      </Header>
      {mail.to.length > 0 ? (
        <Header name="To">
          <Addresses all={mail.to} />
        </Header>
      ) : null}
      {mail.cc.length > 0 ? (
        <Header name="Cc">
          <Addresses all={mail.cc} />
        </Header>
      ) : null}
      {mail.date === null ? null : (
        <Header name="Date">
          <time title={`As written: ${visible(mail.date)}`}>{moment(mail.date) ?? <Visible text={mail.date} />}</time>
        </Header>
      )}
      <Header name="Subject">
        {mail.subject === "" ? (
          <span className="muted">none</span>
        ) : (
          <strong>
            <Visible text={mail.subject} />
          </strong>
        )}
      </Header>
    </dl>
  );
}

function Header({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Addresses({ all }: { all: string[] }) {
  const [every, setEvery] = useState(false);
  const shown = every || all.length <= MANY ? all : all.slice(0, MANY);
  return (
    <>
      {shown.map((each, index) => (
        <Fragment key={index}>
          {index > 0 ? ", " : null}
          <Visible text={each} />
        </Fragment>
      ))}
      {shown.length < all.length ? (
        <>
          {" … "}
          <button type="button" className="evidence-inline" onClick={() => setEvery(true)}>
            all {all.length.toLocaleString("en")}
          </button>
        </>
      ) : null}
    </>
  );
}

function Attachments({ mail }: { mail: MailGiven }) {
  const { attachments } = mail;
  if (attachments.length === 0) return null;
  return (
    <div className="evidence-attachments small">
      <h4>{attachments.length === 1 ? "1 attachment" : `${attachments.length.toLocaleString("en")} attachments`}</h4>
      <ul>
        {attachments.map(({ name, media_type, bytes }, index) => (
          <li key={index}>
            {name === "" ? <span className="muted">without a name</span> : <Visible text={name} />}{" "}
            <span className="muted">
              <Visible text={media_type} />, {size(bytes)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface Part {
  quoted: boolean;
  text: string;
  lines: number;
}

/** The parts of a mail's text: what was written, and what was quoted at length. */
export function parts(text: string): Part[] {
  const found: Part[] = [];
  for (const line of text.split("\n")) {
    const quoted = /^\s{0,3}>/.test(line);
    const last = found.at(-1);
    if (last?.quoted === quoted) {
      last.text += `\n${line}`;
      last.lines += 1;
    } else found.push({ quoted, text: line, lines: 1 });
  }
  const joined: Part[] = [];
  for (const part of found) {
    const quoted = part.quoted && part.lines >= QUOTED_FROM;
    const last = joined.at(-1);
    if (last && !last.quoted && !quoted) joined[joined.length - 1] = { ...last, text: `${last.text}\n${part.text}` };
    else joined.push({ ...part, quoted });
  }
  const folded = joined.filter(({ quoted }) => quoted).length;
  return folded > MOST_QUOTES ? [{ quoted: false, text, lines: 0 }] : joined;
}

function Text({ text }: { text: string }) {
  const found = useMemo(() => parts(text), [text]);
  if (text.trim() === "") return <p className="muted">The e-mail has no text.</p>;
  return (
    <div className="reading">
      {found.map((part, index) =>
        part.quoted ? <Quoted key={index} part={part} /> : <LongText key={index} text={part.text} />,
      )}
    </div>
  );
}

function Quoted({ part }: { part: Part }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="evidence-quoted" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{part.lines.toLocaleString("en")} quoted lines</summary>
      {open ? <LongText text={part.text} /> : null}
    </details>
  );
}
