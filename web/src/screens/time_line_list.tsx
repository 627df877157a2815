import type { Arguments, History } from "../api/types";
import { Difference } from "../text/difference";
import { Visible } from "../text/visible";
import { At } from "./at";
import { asText, type Moment, timeLine } from "./time_line";

/** Everything that happened to a case, oldest first. */
export function TimeLine({ history, withheld, now }: { history: History; withheld: boolean; now: Date }) {
  return (
    <ol className="screens-time-line">
      {timeLine(history).map((moment) => (
        <li key={moment.key} className={moment.entry?.kind === "claim" ? "screens-moment quiet" : "screens-moment"}>
          <p>
            {moment.who && (
              <b>
                <Visible text={moment.who} />{" "}
              </b>
            )}
            {moment.did}
            <span className="muted small">
              {" "}
              · <At date={moment.at} now={now} long />
            </span>
          </p>
          {moment.voided_at && (
            <p className="screens-voided small">
              ⊘ Void since <At date={moment.voided_at} now={now} long />; it counts no more.
            </p>
          )}
          {moment.facts.map((fact) => (
            <p key={fact} className="small muted">
              {fact}
            </p>
          ))}
          {moment.said.map(({ label, text }) => (
            <blockquote key={label + text} className="screens-said">
              <span className="muted small">{label}:</span> <Visible text={text} />
            </blockquote>
          ))}
          {moment.receipt !== undefined && <Receipt value={moment.receipt} />}
          {moment.revised && (withheld ? <Withheld /> : <Revised history={history} revised={moment.revised} />)}
        </li>
      ))}
    </ol>
  );
}

export function Withheld() {
  return <p className="screens-withheld muted">Withheld until you have ruled.</p>;
}

export function Receipt({ value }: { value: unknown }) {
  const text = asText(value);
  return (
    <div className="screens-receipt">
      <span className="muted small">Receipt:</span>{" "}
      {text.length < 120 && !text.includes("\n") ? (
        <code>
          <Visible text={text} />
        </code>
      ) : (
        <pre tabIndex={0}>
          <Visible text={text} />
        </pre>
      )}
    </div>
  );
}

function Revised({ history, revised }: { history: History; revised: NonNullable<Moment["revised"]> }) {
  const of = (revision: number): Arguments => history.contents.find((one) => one.revision === revision)?.arguments ?? {};
  const before = of(revised.from);
  const after = of(revised.to);
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => asText(before[name]) !== asText(after[name]) || name in before !== name in after,
  );
  const author = history.contents.find((one) => one.revision === revised.to)?.author;
  return (
    <details className="screens-revised" open={changed.length > 0 && changed.length <= 3}>
      <summary>
        Revision {revised.to}
        {author && (
          <>
            {" by "}
            <Visible text={author} />
          </>
        )}
        : {changed.length === 0 ? "the same values" : `${changed.length} of its arguments changed`}
      </summary>
      {changed.map((name) => (
        <div key={name} className="screens-changed">
          <h3>
            <Visible text={name} />
          </h3>
          <Difference before={asText(before[name])} after={asText(after[name])} />
        </div>
      ))}
    </details>
  );
}
