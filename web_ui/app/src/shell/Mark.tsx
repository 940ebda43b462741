/** The product's mark, in the colour of the text around it. */
export function Mark() {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      aria-hidden="true"
    >
      <rect x="2" y="3" width="16" height="5" rx="1.5" />
      <path d="M5 12.5h6M5 16.5h10" strokeLinecap="round" />
    </svg>
  );
}
