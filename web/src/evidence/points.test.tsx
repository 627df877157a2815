import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";

import { EvidenceList } from "./evidence_list";

afterEach(cleanup);

function draw(features: unknown) {
  const value = { type: "FeatureCollection", features };
  return render(<EvidenceList evidence={{ stops: { media_type: "application/geo+json", value } }} caseId="0190" />)
    .container;
}

const point = (name: string, ...coordinates: unknown[]) => ({
  type: "Feature",
  properties: { name },
  geometry: { type: "Point", coordinates },
});

test("draws points as rows, with the latitude before the longitude", () => {
  const container = draw([point("Trier", 6.64, 49.76), point("Bonn", 7.1, 50.73, 60)]);
  expect(screen.getByTitle("application/geo+json").textContent).toBe("Places");
  expect(screen.getAllByRole("columnheader").map((each) => each.textContent)).toEqual([
    "Name",
    "Latitude",
    "Longitude",
  ]);
  expect([...container.querySelectorAll("td")].map((each) => each.textContent)).toEqual([
    "Trier",
    "49.76",
    "6.64",
    "Bonn",
    "50.73",
    "7.1",
  ]);
});

test.each([
  [
    "lines",
    [
      {
        type: "Feature",
        properties: {},
        geometry: {
          type: "LineString",
          coordinates: [
            [1, 2],
            [3, 4],
          ],
        },
      },
    ],
  ],
  ["a point without a place", [point("nowhere")]],
  ["what is no list", "points"],
])("leaves %s to be drawn as data", (_, features) => {
  draw(features);
  expect(screen.getByTitle("application/geo+json").textContent).not.toBe("Places");
});
