export function Visible({ text }: { text: string }) {
  return <>{text}</>;
}
