//! The table, as people read it and as it is kept.

use super::Cost;

/// One line of the table.
pub(crate) struct Row {
    /// What is measured.
    pub(crate) name: String,
    /// Bytes in a frame that comes out.
    pub(crate) frame_bytes: u64,
    /// Frames in a packet.
    pub(crate) frames: u64,
    /// Instructions per frame and per packet.
    pub(crate) cost: Cost,
    /// What a plain copy of the same bytes costs.
    pub(crate) copy: Cost,
}

/// Lines under one heading.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.note);
        text += "| what | bytes per frame | instructions per frame | per byte | per packet besides | a packet | \
                 a plain copy of it | ratio |\n|---|--:|--:|--:|--:|--:|--:|--:|\n";
        for row in &self.rows {
            let (packet, copy) = (row.cost.of(row.frames), row.copy.of(row.frames));
            text += &format!(
                "| {} | {} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} | {:.1} |\n",
                row.name,
                row.frame_bytes,
                row.cost.frame,
                row.cost.frame / row.frame_bytes as f64,
                row.cost.packet,
                packet,
                copy,
                packet / copy,
            );
        }
        text + "\n"
    }
}
