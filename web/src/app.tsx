export function App() {
  return <main className="reading">Signoff</main>;
}
