"""The parts of the page: bringing a list, filters, cards of titles, and what each tab shows."""
