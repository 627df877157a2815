/** Points on a map (GeoJSON) as a table: name, latitude, longitude and whatever else is known of each. */
import { useMemo } from "react";

import type { Evidence } from "../api/types";
import type { RendererProps } from "./registry";
import { isRecord } from "./shape";
import { Table, tableOf } from "./table";

/** The rows of a FeatureCollection of points; null for other GeoJSON, which is drawn as data. */
function rowsOf({ value }: Evidence): Record<string, unknown>[] | null {
  if (!isRecord(value) || !Array.isArray(value.features)) return null;
  const rows = value.features.map((feature: unknown) => {
    const geometry = isRecord(feature) && isRecord(feature.geometry) ? feature.geometry : {};
    const place: unknown = geometry.type === "Point" ? geometry.coordinates : null;
    if (!isRecord(feature) || !Array.isArray(place) || place.length < 2) return null;
    // GeoJSON puts the longitude first (RFC 7946, 3.1.1); people expect the latitude there.
    return { ...(isRecord(feature.properties) ? feature.properties : {}), latitude: place[1], longitude: place[0] };
  });
  return rows.every((row) => row !== null) ? rows : null;
}

export const isPoints = (evidence: Evidence) => rowsOf(evidence) !== null;

export function Points({ name, evidence }: RendererProps) {
  const data = useMemo(() => tableOf(rowsOf(evidence) ?? []), [evidence]);
  return <Table data={data} label={name} />;
}
