import { type ComponentProps, useLayoutEffect, useRef } from "react";

/** A text area as high as its text; CSS does it where the browser can, and bounds it. */
export function GrowingText(props: ComponentProps<"textarea"> & { value: string }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element || (typeof CSS !== "undefined" && CSS.supports?.("field-sizing", "content"))) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [props.value]);
  return <textarea ref={area} {...props} />;
}
