"""What readers see: one palette, one style, figures, the page, and DVC's own plots offline."""
